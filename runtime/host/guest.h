/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest: a machine that runs, with what was heard of it. One with an agent that serves
 * runs instances one after the other, and is handed on. */
#ifndef HOST_GUEST_H
#define HOST_GUEST_H

#include <poll.h>

#include "console.h"
#include "exchange.h"
#include "port.h"
#include "qemu.h"
#include "qmp.h"

#define GUEST_POLLS 5

struct guest {
	struct qemu qemu;
	struct console console;
	struct port port;
	struct qmp qmp;
	struct buffer errors; /* QEMU's own messages */
	struct exchange exchange;
	int control; /* the socket of its second port, by its place; -1: none */
};

#define GUEST_NONE ((struct guest){.qemu = QEMU_NONE, .control = -1})

/* Fills in at most GUEST_POLLS; returns how many. */
int guest_add_polls(const struct guest *g, struct pollfd *polls);
/* Takes what it has said, in parts, to those who listen on port and qmp. */
void guest_listen(struct guest *g);
/* 1 where QEMU has ended. */
int guest_has_ended(const struct guest *g);
/* Takes QEMU's status and the rest of what was said. */
int guest_reap(struct guest *g);
/* Gives it to another owner, whom port and qmp tell then; *from is none afterwards. */
void guest_hand_on(struct guest *from, struct guest *to);
/* Ends it, where it runs. */
void guest_clear(struct guest *g);

#endif
