/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "port.h"
#include "processes.h"
#include "runtime/unit.h"
#include "say.h"
#include "session.h"

/* A port without a host at its other end can be read from, too: there is nothing. */
static int is_asked(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && p.revents & POLLIN && !(p.revents & POLLHUP);
}

void control_look(struct control *c)
{
	if (c->pid > 0)
		return;
	if (c->fd < 0)
		c->fd = port_find(WU_CONTROL_PORT);
	if (c->fd < 0 || !is_asked(c->fd))
		return;
	c->pid = processes_split();
	if (c->pid == 0)
		session_serve(c->fd, c->manner);
	if (c->pid < 0)
		say(WU_CONTROL_PORT, "cannot be served", strerror(errno));
}

void control_end(struct control *c)
{
	if (c->pid > 0)
		processes_end(c->pid);
	if (c->fd >= 0)
		close(c->fd);
	*c = CONTROL_NONE;
}
