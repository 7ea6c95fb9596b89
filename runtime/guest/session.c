/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define OPEN "open 1 "
#define AWAY_MS 100 /* how often a host that is not there is looked for */

/* Waits until the port can be read or written. Returns what it is, or POLLHUP. What is
 * being written goes on to a message's end, or ends with us. */
static int wait_for_port(struct session *s, short events, int timeout_ms)
{
	struct pollfd p[] = {{.fd = s->fd, .events = events},
		{.fd = events & POLLIN ? s->signals : -1, .events = POLLIN}};

	while (poll(p, 2, timeout_ms) < 0)
		if (errno != EINTR)
			return POLLHUP;
	s->is_told |= p[1].revents & POLLIN;
	return s->is_told && events & POLLIN ? POLLHUP : p[0].revents;
}

int session_is_told(struct session *s)
{
	struct pollfd p = {.fd = s->signals, .events = POLLIN};

	if (poll(&p, 1, 0) > 0)
		s->is_told = 1;
	return s->is_told;
}

/* Takes what the port has, as far as there is room. Returns -1 where the host went. */
static int take(struct session *s)
{
	ssize_t got = read(s->fd, s->in + s->in_size, sizeof(s->in) - s->in_size);

	if (got > 0)
		s->in_size += (size_t)got;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -1;
}

static void drop(struct session *s, size_t size)
{
	s->in_size -= size;
	memmove(s->in, s->in + size, s->in_size);
}

static int is_open_line(const char *line, size_t size)
{
	return size == strlen(OPEN) + WU_CONTROL_TOKEN &&
	       !memcmp(line, OPEN, strlen(OPEN)) &&
	       strspn(line + strlen(OPEN), "0123456789abcdef") >= WU_CONTROL_TOKEN;
}

/* 1 where a whole line is there, newlines before it passed over. */
static int has_line(struct session *s, size_t *size)
{
	size_t newlines = 0;
	const char *end;

	while (newlines < s->in_size && s->in[newlines] == '\n')
		newlines++;
	drop(s, newlines);
	end = memchr(s->in, '\n', s->in_size);
	*size = end ? (size_t)(end - s->in) : s->in_size;
	return end != NULL;
}

/* Another connection begins: this one is over. */
static void note_open(struct session *s, size_t line)
{
	memcpy(s->token, s->in + strlen(OPEN), WU_CONTROL_TOKEN);
	s->token[WU_CONTROL_TOKEN] = '\0';
	drop(s, line + 1);
	s->is_over = 1;
}

/* Takes "WORD SIZE" apart. Returns -1 where it is none. */
static int parse_line(char *line, struct message *m)
{
	char *space = strchr(line, ' ');
	uint64_t size;

	if (!space || space == line || (size_t)(space - line) >= sizeof(m->word) ||
		text_parse_number(space + 1, &size) < 0 || size > WU_CONTROL_CHUNK)
		return -1;
	*space = '\0';
	strcpy(m->word, line);
	m->size = (size_t)size;
	return 0;
}

/* Returns 1 with a message, 0 where more must come. A line that is none is passed over,
 * up to the `open` of a host that begins anew. */
static int parse(struct session *s, struct message *m)
{
	char line[SESSION_LINE];
	size_t size;

	while (!s->is_over && has_line(s, &size)) {
		if (is_open_line(s->in, size)) {
			note_open(s, size);
			return 0;
		}
		if (size < sizeof(line)) {
			memcpy(line, s->in, size);
			line[size] = '\0';
			if (!memchr(line, '\0', size) && parse_line(line, m) == 0) {
				if (s->in_size < size + 1 + m->size)
					return 0;
				memcpy(m->bytes, s->in + size + 1, m->size);
				m->bytes[m->size] = '\0';
				drop(s, size + 1 + m->size);
				return 1;
			}
		}
		drop(s, size + 1);
	}
	if (s->in_size == sizeof(s->in))
		s->in_size = 0;
	return 0;
}

int session_next(struct session *s, struct message *m)
{
	while (!s->is_over) {
		if (parse(s, m))
			return 0;
		if (s->is_over)
			break;
		if (wait_for_port(s, POLLIN, -1) & POLLHUP || take(s) < 0)
			s->is_over = 1;
	}
	return -1;
}

/* During a request the host has nothing to say but that it begins anew. */
int session_look(struct session *s)
{
	size_t size;
	int events = wait_for_port(s, POLLIN, 0);

	if (events & POLLHUP || (events & POLLIN && take(s) < 0))
		s->is_over = 1;
	while (!s->is_over && has_line(s, &size)) {
		if (is_open_line(s->in, size))
			note_open(s, size);
		else
			drop(s, size + 1);
	}
	if (s->in_size == sizeof(s->in))
		s->in_size = 0;
	return s->is_over ? -1 : 0;
}

static int write_all(struct session *s, const char *bytes, size_t size)
{
	while (size && !s->is_over) {
		ssize_t put = write(s->fd, bytes, size);

		if (put > 0) {
			bytes += put;
			size -= (size_t)put;
		} else if (put < 0 && errno != EAGAIN && errno != EINTR) {
			s->is_over = 1;
		} else if (wait_for_port(s, POLLOUT, AWAY_MS) & POLLHUP) {
			s->is_over = 1;
		}
	}
	return s->is_over ? -1 : 0;
}

int session_send(struct session *s, const char *word, const void *bytes, size_t size)
{
	char line[SESSION_LINE];
	struct text t = TEXT_IN(line);

	text_add(&t, word);
	text_add(&t, " ");
	text_add_number(&t, size);
	text_add(&t, "\n");
	return write_all(s, t.bytes, t.size) < 0 ? -1 : write_all(s, bytes, size);
}

int session_send_text(struct session *s, const char *word, const struct text *t)
{
	return session_send(s, word, t->bytes, t->size);
}

int session_fail(struct session *s, const char *what, const char *why)
{
	char bytes[4096];
	struct text t = TEXT_IN(bytes);

	text_add(&t, what);
	text_add(&t, ": ");
	text_add(&t, why);
	return session_send_text(s, "error", &t);
}

const struct user *session_user(
	const struct session *s, struct message *m, const char **rest)
{
	static const struct user root;
	char *end = strchr(m->bytes, ' ');

	*rest = end ? end + 1 : "";
	if (end)
		*end = '\0';
	if (!strcmp(m->bytes, WU_USER_ROOT))
		return &root;
	return strcmp(m->bytes, WU_USER_USER) ? NULL : s->manner->user;
}

/* The real user stays root: nobody else may signal us. */
int session_become(const struct user *u)
{
	if (setgroups(u->group_count, u->groups) < 0 || setegid(u->group) < 0)
		return -1;
	return seteuid(u->id);
}

void session_be_root(void)
{
	if (seteuid(0) < 0 || setegid(0) < 0 || setgroups(0, NULL) < 0)
		_exit(1);
}

static void add_argument(struct session *s, const struct message *m)
{
	size_t room = sizeof(s->argument_bytes) - s->argument_size;

	if (m->size >= room || s->argument_count == SESSION_ARGUMENTS ||
		strlen(m->bytes) != m->size) {
		session_fail(s, "arguments", "too many, or a NUL byte in one");
		return;
	}
	s->arguments[s->argument_count++] =
		memcpy(s->argument_bytes + s->argument_size, m->bytes, m->size + 1);
	s->arguments[s->argument_count] = NULL;
	s->argument_size += m->size + 1;
}

static void answer(struct session *s)
{
	static const struct {
		const char *word;
		void (*run)(struct session *s, struct message *m);
	} requests[] = {
		{"exec", session_exec},
		{"put", session_put},
		{"get", session_get},
	};
	struct message m;

	while (session_next(s, &m) == 0) {
		if (!strcmp(m.word, "argument"))
			add_argument(s, &m);
		for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
			if (!strcmp(m.word, requests[i].word)) {
				requests[i].run(s, &m);
				return;
			}
	}
}

/* Waits for an `open`; all else is of a connection that is over. */
static void wait_for_open(struct session *s)
{
	while (!*s->token && !s->is_told) {
		s->is_over = 0;
		if (session_look(s) == 0)
			wait_for_port(s, POLLIN, -1);
		else if (!*s->token)
			clock_sleep_ms(AWAY_MS);
	}
}

static void begin(struct session *s)
{
	char bytes[SESSION_LINE];
	struct text t = TEXT_IN(bytes);

	wait_for_open(s);
	s->is_over = 0;
	s->argument_count = s->argument_size = 0;
	s->arguments[0] = NULL;
	text_add(&t, "\nopened 1 ");
	text_add(&t, s->token);
	text_add(&t, "\n");
	*s->token = '\0';
	write_all(s, t.bytes, t.size);
}

void session_serve(int fd, const struct manner *m)
{
	struct session s = {.fd = fd, .manner = m};
	sigset_t set;

	umask(022);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	s.signals = signalfd(-1, &set, SFD_CLOEXEC);
	while (!s.is_told) {
		begin(&s);
		answer(&s);
		/* The answer is given: what comes now is the host's leaving. */
		while (!s.is_over)
			if (session_look(&s) == 0)
				wait_for_port(&s, POLLIN, -1);
	}
	/* A host that waits for an answer still must not wait for ever. */
	s.is_over = 0;
	session_fail(&s, "the instance", "its scripts have ended");
	_exit(0);
}
