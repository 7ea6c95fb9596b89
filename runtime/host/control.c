/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "results.h"

#define OPEN_MS 30000
#define SIZE_DIGITS 5

/* --- which instance --- */

/* The work folder of the one that lives and begins so; the caller frees. NULL with *many
 * where there are several. */
static char *find_work(const struct results *r, const char *start, int *many)
{
	struct diag ignored = {0};
	struct results_names names = {0};
	char id[WU_ID_DIGITS + 1], *found = NULL;

	*many = 0;
	results_list_work(r, &names, &ignored);
	for (size_t i = 0; i < names.count; i++) {
		if (results_get_work_id(names.list[i], id) < 0 ||
			strncmp(id, start, strlen(start)) != 0 ||
			!results_is_alive(r, names.list[i]))
			continue;
		*many |= found != NULL;
		free(found);
		found = memory_strdup(names.list[i]);
	}
	results_free_names(&names);
	diag_clear(&ignored);
	if (*many) {
		free(found);
		found = NULL;
	}
	return found;
}

static int has_finished(const struct results *r, const char *start)
{
	struct diag ignored = {0};
	struct results_names names = {0};
	int found = 0;

	results_list(r, &names, &ignored);
	for (size_t i = 0; i < names.count; i++)
		found |= strncmp(names.list[i], start, strlen(start)) == 0;
	results_free_names(&names);
	diag_clear(&ignored);
	return found;
}

static int fail_find(const struct results *r, const char *start, int many, struct diag *d)
{
	if (many)
		return diag_fail(
			d, "%s: more than one running instance begins so", start);
	if (has_finished(r, start))
		return diag_fail(d, "%s: it is not running: it has finished", start);
	return diag_fail(d, "%s: no such instance is running in %s", start, r->path);
}

/* By the folder's descriptor: a socket's path has less room than a file's. */
static int connect_to(const struct results *r, const char *work)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	CLEANUP(file_close)
	int folder = openat(r->fd, work, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/" CONTROL_SOCKET,
		folder);
	if (folder < 0 || fd < 0 ||
		connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		int error = errno;

		file_close(&fd);
		errno = error;
		return -1;
	}
	return fd;
}

static int fail_connect(const struct control *c, struct diag *d)
{
	if (errno == ENOENT)
		return diag_fail(
			d, "%s: it has no guest that could be reached (yet)", c->id);
	if (errno == EAGAIN)
		return diag_fail(d, "%s: too many others want to reach its guest", c->id);
	if (errno == ECONNREFUSED)
		return diag_fail(d,
			"%s: its guest cannot be reached from here: it has ended, or "
			"runs on another host",
			c->id);
	return diag_fail_errno(d, "%s: its guest cannot be reached", c->id);
}

/* --- bytes --- */

/* Returns what the descriptor is, 0 where the time is over, or -1. */
static int wait_for(struct control *c, short events, uint64_t until_ms, struct diag *d)
{
	struct pollfd p[] = {{.fd = c->fd, .events = events},
		{.fd = c->interrupt ? *c->interrupt : -1, .events = POLLIN}};
	uint64_t now = clock_now_ms();
	int timeout = now < until_ms ? (int)(until_ms - now) : 0;

	if (poll(p, 2, timeout) < 0 && errno != EINTR)
		return diag_fail_errno(d, "%s", c->id);
	if (p[1].revents)
		return diag_fail(d, "%s: interrupted", c->id);
	return p[0].revents;
}

static int fail_ended(const struct control *c, struct diag *d)
{
	return diag_fail(d, "%s: the instance has ended", c->id);
}

/* Returns 1 where something came, 0 where nothing is there, or -1. */
static int take(struct control *c, struct diag *d)
{
	ssize_t got = recv(c->fd, c->in + c->in_size, sizeof(c->in) - c->in_size, 0);

	if (got > 0) {
		c->in_size += (size_t)got;
		return 1;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return fail_ended(c, d);
}

static void drop(struct control *c, size_t size)
{
	c->in_size -= size;
	memmove(c->in, c->in + size, c->in_size);
}

/* Returns the bytes of the line "WORD SIZE" and its end, 0 where more must come, or -1.
 */
static ssize_t parse_line(const struct control *c, struct control_message *m)
{
	const char *end = memchr(c->in, '\n', c->in_size), *space, *digits;
	size_t word;

	if (!end)
		return c->in_size < CONTROL_LINE ? 0 : -1;
	space = memchr(c->in, ' ', (size_t)(end - c->in));
	word = space ? (size_t)(space - c->in) : 0;
	if (word == 0 || word >= sizeof(m->word) || end - space < 2 ||
		end - space > SIZE_DIGITS + 1)
		return -1;
	m->size = 0;
	for (digits = space + 1; digits < end; digits++) {
		if (*digits < '0' || *digits > '9')
			return -1;
		m->size = m->size * 10 + (size_t)(*digits - '0');
	}
	memcpy(m->word, c->in, word);
	m->word[word] = '\0';
	return m->size > WU_CONTROL_CHUNK ? -1 : end - c->in + 1;
}

/* 1 where the next message is here, and says that the agent gave up. */
static int has_error(const struct control *c)
{
	struct control_message m;
	ssize_t line = parse_line(c, &m);

	return line > 0 && c->in_size >= (size_t)line + m.size &&
	       strcmp(m.word, "error") == 0;
}

/* Waits until the agent takes more, or has said why it will not. */
static int wait_for_room(struct control *c, uint64_t until_ms, struct diag *d)
{
	short hear = c->in_size < sizeof(c->in) ? POLLIN : 0;
	int events = wait_for(c, (short)(POLLOUT | hear), until_ms, d);

	if (events < 0 || ((events & POLLIN) && take(c, d) < 0))
		return -1;
	if (has_error(c) || (events == 0 && clock_now_ms() >= until_ms))
		return diag_fail(d, "%s: its agent takes nothing more", c->id);
	return 0;
}

static int write_all(struct control *c, const char *bytes, size_t size, uint64_t until_ms,
	struct diag *d)
{
	while (size > 0) {
		ssize_t put = send(c->fd, bytes, size, MSG_NOSIGNAL);

		if (put > 0) {
			bytes += put;
			size -= (size_t)put;
			continue;
		}
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			return fail_ended(c, d);
		if (wait_for_room(c, until_ms, d) < 0)
			return -1;
	}
	return 0;
}

/* --- the start --- */

/* All that comes before our own token is another connection's. Returns 1 once it came. */
static int find_opened(struct control *c, const char *opened)
{
	size_t size = strlen(opened), keep;
	char *at = memmem(c->in, c->in_size, opened, size);

	if (at) {
		drop(c, (size_t)(at - c->in) + size);
		return 1;
	}
	keep = c->in_size < size ? c->in_size : size - 1;
	drop(c, c->in_size - keep);
	return 0;
}

static int wait_for_opened(struct control *c, const char *opened, struct diag *d)
{
	uint64_t until = clock_now_ms() + OPEN_MS;
	int events;

	while (!find_opened(c, opened)) {
		events = wait_for(c, POLLIN, until, d);
		if (events < 0 || (events > 0 && take(c, d) < 0))
			return -1;
		if (clock_now_ms() >= until)
			return diag_fail(d,
				"%s: its agent does not answer: it has no control port, "
				"its scripts have not begun or are over, or another "
				"command is connected",
				c->id);
	}
	return 0;
}

static int greet(struct control *c, struct diag *d)
{
	char newlines[WU_CONTROL_CHUNK], hex[WU_CONTROL_TOKEN + 1], line[CONTROL_LINE];
	unsigned char token[WU_CONTROL_TOKEN / 2];

	if (getrandom(token, sizeof(token), 0) != (ssize_t)sizeof(token))
		return diag_fail_errno(d, "getrandom");
	for (size_t i = 0; i < sizeof(token); i++)
		snprintf(hex + 2 * i, 3, "%02x", token[i]);
	memset(newlines, '\n', sizeof(newlines));
	if (write_all(c, newlines, sizeof(newlines), clock_now_ms() + OPEN_MS, d) < 0)
		return -1;
	snprintf(line, sizeof(line), "open %d %s\n", WU_CONTROL_VERSION, hex);
	if (write_all(c, line, strlen(line), clock_now_ms() + OPEN_MS, d) < 0)
		return -1;
	snprintf(line, sizeof(line), "\nopened %d %s\n", WU_CONTROL_VERSION, hex);
	return wait_for_opened(c, line, d);
}

int control_open(struct control *c, const char *results, const char *id, struct diag *d)
{
	struct results r;
	char *work;
	int many, rc;

	if (results_open(results, &r, d) < 0)
		return -1;
	work = find_work(&r, id, &many);
	rc = work ? 0 : fail_find(&r, id, many, d);
	if (rc == 0) {
		results_get_work_id(work, c->id);
		c->fd = connect_to(&r, work);
		rc = c->fd < 0 ? fail_connect(c, d) : greet(c, d);
	}
	free(work);
	results_close(&r);
	return rc;
}

void control_close(struct control *c)
{
	file_close(&c->fd);
}

/* --- messages --- */

int control_send(struct control *c, const char *word, const void *bytes, size_t size,
	struct diag *d)
{
	char line[CONTROL_LINE];
	uint64_t until = clock_now_ms() + CONTROL_ANSWER_MS;

	snprintf(line, sizeof(line), "%s %zu\n", word, size);
	if (write_all(c, line, strlen(line), until, d) < 0)
		return -1;
	return write_all(c, bytes, size, until, d);
}

int control_send_text(
	struct control *c, const char *word, const char *text, struct diag *d)
{
	size_t size = strlen(text);

	if (size > WU_CONTROL_CHUNK)
		return diag_fail(d, "%.40s…: too long", text);
	return control_send(c, word, text, size, d);
}

/* Returns as control_peek(), of what was read. */
static int parse(struct control *c, struct control_message *m, struct diag *d)
{
	ssize_t line = parse_line(c, m);

	if (line < 0)
		return diag_fail(d, "%s: its agent says what makes no sense", c->id);
	if (line == 0 || c->in_size < (size_t)line + m->size)
		return 0;
	memcpy(m->bytes, c->in + line, m->size);
	m->bytes[m->size] = '\0';
	drop(c, (size_t)line + m->size);
	return 1;
}

int control_next(
	struct control *c, struct control_message *m, unsigned timeout_ms, struct diag *d)
{
	uint64_t until = clock_now_ms() + timeout_ms;
	int rc, events;

	while ((rc = parse(c, m, d)) == 0) {
		events = wait_for(c, POLLIN, until, d);
		if (events < 0 || (events > 0 && take(c, d) < 0))
			return -1;
		if (clock_now_ms() >= until)
			return diag_fail(d, "%s: its agent says nothing more", c->id);
	}
	return rc < 0 ? -1 : 0;
}

int control_peek(struct control *c, struct control_message *m, struct diag *d)
{
	int rc = parse(c, m, d);

	if (rc != 0)
		return rc;
	return take(c, d) < 0 ? -1 : parse(c, m, d);
}

int control_fail(const struct control *c, const struct control_message *m, struct diag *d)
{
	if (strcmp(m->word, "error") == 0)
		return diag_fail(d, "%s: %.500s", c->id, m->bytes);
	return diag_fail(d, "%s: its agent says what makes no sense", c->id);
}
