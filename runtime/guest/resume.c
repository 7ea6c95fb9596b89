/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resume.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "entropy.h"
#include "say.h"
#include "text.h"

#define WORD "resume "
#define PORT_WAIT_MS 10000
#define PAUSE_MS 10

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns what follows, or NULL. */
static char *take_seed(char *s, unsigned char seed[RESUME_SEED])
{
	for (int i = 0; i < RESUME_SEED; i++, s += 2) {
		int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0)
			return NULL;
		seed[i] = (unsigned char)(high << 4 | low);
	}
	return s;
}

/* Ends the word at s and returns what follows it, or NULL where the line ends there. */
static char *cut(char *s, char at)
{
	s = strchr(s, at);
	if (!s)
		return NULL;
	*s = '\0';
	return s + 1;
}

int resume_parse(struct resume *r, char *line)
{
	char *nanoseconds, *seed;

	if (strncmp(line, WORD, strlen(WORD)))
		return -1;
	line += strlen(WORD);
	nanoseconds = cut(line, '.');
	seed = nanoseconds ? cut(nanoseconds, ' ') : NULL;
	if (!seed || text_parse_number(line, &r->seconds) < 0 ||
		text_parse_number(nanoseconds, &r->nanoseconds) < 0 ||
		r->nanoseconds >= 1000000000 || r->seconds > INT64_MAX)
		return -1;
	r->arguments = take_seed(seed, r->seed);
	return r->arguments && (!*r->arguments || *r->arguments == ' ') ? 0 : -1;
}

int resume_prepare(struct port *p)
{
	uint64_t end = clock_now_ms() + PORT_WAIT_MS;

	for (port_open(p); p->fd < 0 && clock_now_ms() < end; port_open(p))
		clock_sleep_ms(PAUSE_MS);
	return p->fd < 0 ? -1 : 0;
}

/* Waits for bytes. A port without a host at its other end has none, at once. */
static ssize_t wait_and_read(struct port *p, char *bytes, size_t room)
{
	struct pollfd poll_port = {.fd = p->fd, .events = POLLIN};
	ssize_t got;

	port_flush(p);
	if (poll(&poll_port, 1, -1) < 0)
		return 0;
	got = read(p->fd, bytes, room);
	if (got <= 0)
		clock_sleep_ms(PAUSE_MS);
	return got < 0 ? 0 : got;
}

/* Returns 0, or -1 where the line is too long to be ours. */
static int read_line(struct port *p, char line[RESUME_LINE])
{
	size_t size = 0;
	char *end = NULL;

	while (!end) {
		if (size == RESUME_LINE - 1)
			return -1;
		size += (size_t)wait_and_read(p, line + size, RESUME_LINE - 1 - size);
		line[size] = '\0';
		end = strchr(line, '\n');
	}
	*end = '\0';
	return 0;
}

int resume_take(char *line, struct arguments *a)
{
	struct resume r;

	if (resume_parse(&r, line) < 0) {
		say("resume", "the host's line makes no sense", NULL);
		return -1;
	}
	clock_resume((int64_t)r.seconds, (long)r.nanoseconds);
	entropy_renew(r.seed, sizeof(r.seed));
	memset(r.seed, 0, sizeof(r.seed));
	return arguments_add(a, r.arguments);
}

int resume_wait(struct port *p, struct arguments *a)
{
	char line[RESUME_LINE];

	/* One that is too long to be ours makes no sense either. */
	if (read_line(p, line) < 0)
		*line = '\0';
	return resume_take(line, a);
}
