/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

#define FIFO "/run/workunit/progress"

void progress_open(struct progress *p)
{
	mode_t mask = umask(0);

	p->fd = -1;
	p->size = 0;
	if (unlink(FIFO) < 0 && errno != ENOENT)
		say(FIFO, strerror(errno), NULL);
	/* Open for writing too: a script that opens it never waits for us. */
	if (mkfifo(FIFO, 0622) == 0)
		p->fd = open(FIFO, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (p->fd < 0)
		say(FIFO, strerror(errno), NULL);
	umask(mask);
}

void progress_close(struct progress *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int progress_is_fraction(const char *text)
{
	size_t whole = strspn(text, "0123456789"), digits = 0;
	const char *end = text + whole;

	if (*end == '.') {
		digits = strspn(end + 1, "0123456789");
		end += 1 + digits;
	}
	if (whole != 1 || text[0] > '1' || (*end && *end != ' '))
		return 0;
	return text[0] == '0' || strspn(text + whole, ".0") == (size_t)(end - text) - 1;
}

static void send_line(char *line, struct port *port)
{
	char bytes[PORT_LINE];
	struct text t = port_message(bytes, "progress ");

	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	if (!progress_is_fraction(line))
		return;
	text_add(&t, line);
	port_send(port, &t);
}

/* Invariant: size < sizeof(line). A line that is longer loses its end. */
static void add_byte(struct progress *p, char c, struct port *port)
{
	if (c != '\n') {
		if (p->size < sizeof(p->line) - 1)
			p->line[p->size++] = c ? c : ' ';
		return;
	}
	p->line[p->size] = '\0';
	p->size = 0;
	send_line(p->line, port);
}

void progress_relay(struct progress *p, struct port *port)
{
	char bytes[1024];
	ssize_t got = p->fd < 0 ? 0 : read(p->fd, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < got; i++)
		add_byte(p, bytes[i], port);
}
