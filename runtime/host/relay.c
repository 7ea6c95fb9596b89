/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_LIMIT_BYTES (64u << 20)

void relay_add(struct relay *r, const char *bytes, size_t size)
{
	if (r->fd < 0)
		return;
	if (r->queue.size - r->written + size > QUEUE_LIMIT_BYTES) {
		r->dropped += size;
		return;
	}
	buffer_add(&r->queue, bytes, size);
}

int relay_is_waiting(const struct relay *r)
{
	return r->fd >= 0 && r->written < r->queue.size;
}

/* A pipe that poll() calls writable takes PIPE_BUF bytes without blocking, which holds
 * for a descriptor that we share with others and so must not make non-blocking. */
void relay_write(struct relay *r)
{
	size_t left = r->queue.size - r->written;
	ssize_t n = write(
		r->fd, r->queue.bytes + r->written, left < PIPE_BUF ? left : PIPE_BUF);

	if (n < 0 && errno != EINTR && errno != EAGAIN) {
		r->fd = -1; /* its reader went away: the run goes on */
		buffer_clear(&r->queue);
		r->written = 0;
		return;
	}
	if (n > 0)
		r->written += (size_t)n;
	if (r->written == r->queue.size) {
		r->queue.size = r->written = 0;
	} else if (r->written > (1u << 20)) {
		memmove(r->queue.bytes, r->queue.bytes + r->written,
			r->queue.size - r->written);
		r->queue.size -= r->written;
		r->written = 0;
	}
}

void relay_flush(struct relay *r, int stop)
{
	while (relay_is_waiting(r)) {
		struct pollfd fds[] = {
			{.fd = r->fd, .events = POLLOUT}, {.fd = stop, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			return;
		if (fds[0].revents)
			relay_write(r);
	}
}

void relay_clear(struct relay *r)
{
	buffer_clear(&r->queue);
	r->fd = -1;
}
