/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"

#define ERRORS_LIMIT_BYTES 8192

int guest_add_polls(const struct guest *g, struct pollfd *polls)
{
	const int fds[GUEST_POLLS] = {g->qemu.pidfd, g->qemu.console, g->qemu.port,
		g->qemu.monitor, g->qemu.errors};
	int count = 0;

	for (int i = 0; i < GUEST_POLLS; i++)
		if (fds[i] >= 0)
			polls[count++] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	return count;
}

/* Reads at most a megabyte, so that one loud guest does not silence the others, and
 * closes the descriptor at its end. */
static void drain(struct guest *g, int *fd,
	void (*take)(struct guest *g, const char *bytes, size_t size))
{
	char chunk[65536];
	ssize_t n = -1;

	for (int turns = 0; *fd >= 0 && turns < 16; turns++) {
		n = read(*fd, chunk, sizeof(chunk));
		if (n > 0)
			take(g, chunk, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else
			break;
	}
	if (*fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)))
		file_close(fd);
}

static void take_console(struct guest *g, const char *bytes, size_t size)
{
	console_feed(&g->console, bytes, size);
}

static void take_port(struct guest *g, const char *bytes, size_t size)
{
	port_feed(&g->port, bytes, size);
}

static void take_monitor(struct guest *g, const char *bytes, size_t size)
{
	qmp_feed(&g->qmp, bytes, size);
}

static void take_errors(struct guest *g, const char *bytes, size_t size)
{
	size_t room = ERRORS_LIMIT_BYTES - g->errors.size;

	buffer_add(&g->errors, bytes, size < room ? size : room);
}

void guest_listen(struct guest *g)
{
	drain(g, &g->qemu.port, take_port);
	drain(g, &g->qemu.console, take_console);
	drain(g, &g->qemu.monitor, take_monitor);
	drain(g, &g->qemu.errors, take_errors);
}

int guest_has_ended(const struct guest *g)
{
	struct pollfd p = {.fd = g->qemu.pidfd, .events = POLLIN};

	return p.fd < 0 || (poll(&p, 1, 0) > 0 && p.revents);
}

int guest_reap(struct guest *g)
{
	int status = qemu_reap(&g->qemu);

	for (int turns = 0; turns < 64 && (g->qemu.port >= 0 || g->qemu.console >= 0 ||
						  g->qemu.errors >= 0);
		turns++)
		guest_listen(g);
	qemu_close(&g->qemu);
	return status;
}

void guest_hand_on(struct guest *from, struct guest *to)
{
	*to = *from;
	*from = GUEST_NONE;
}

void guest_clear(struct guest *g)
{
	if (g->qemu.pid > 0) {
		qemu_kill(&g->qemu);
		qemu_reap(&g->qemu);
	}
	qemu_close(&g->qemu);
	console_clear(&g->console);
	qmp_clear(&g->qmp);
	buffer_clear(&g->errors);
	file_close(&g->control);
	*g = GUEST_NONE;
}
