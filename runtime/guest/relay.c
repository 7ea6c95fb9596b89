/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The most that is passed on after a script's end: a pipe holds no more, and a process
 * that got hold of the other end must not keep us. */
#define LAST_CHUNKS 128

static const char *const words[OUTPUT_STREAMS] = {"stdout", "stderr"};

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Only our end must not block: a script expects its output to. */
static int open_stream(struct relay *r, int s)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	r->read[s] = ends[0];
	r->write[s] = ends[1];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

int relay_open(struct relay *r)
{
	*r = (struct relay){.read = {-1, -1}, .write = {-1, -1}};
	for (int s = 0; s < OUTPUT_STREAMS; s++)
		if (open_stream(r, s) < 0)
			return -1;
	return 0;
}

void relay_hand_over(struct relay *r)
{
	for (int s = 0; s < OUTPUT_STREAMS; s++)
		close_one(&r->write[s]);
}

int relay_pass(struct relay *r, enum output_stream s, struct output *o, struct port *p)
{
	char bytes[PORT_HEADER + PORT_CHUNK];
	ssize_t got;

	if (r->read[s] < 0)
		return 0;
	got = read(r->read[s], bytes + PORT_HEADER, PORT_CHUNK);
	if (got < 0)
		return errno == EINTR;
	if (got == 0) {
		close_one(&r->read[s]);
		return 0;
	}
	output_keep(o, s, bytes + PORT_HEADER, (size_t)got);
	port_send_bytes(p, words[s], bytes + PORT_HEADER, (size_t)got);
	return 1;
}

void relay_finish(struct relay *r, struct output *o, struct port *p)
{
	relay_hand_over(r);
	for (int s = 0; s < OUTPUT_STREAMS; s++) {
		for (int i = 0; i < LAST_CHUNKS && relay_pass(r, s, o, p); i++)
			;
		close_one(&r->read[s]);
	}
}
