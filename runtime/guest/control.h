/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control: the second port, by which the host reaches an instance while it runs, and the
 * process that serves it: there from the first request on. */
#ifndef GUEST_CONTROL_H
#define GUEST_CONTROL_H

#include <sys/types.h>

#include "launch.h"

struct control {
	int fd;			     /* -1 as long as there is no port */
	pid_t pid;		     /* 0: none */
	const struct manner *manner; /* how scripts run, and what the host asks for */
};

#define CONTROL_NONE ((struct control){.fd = -1})

/* Looks whether the host asks for something, and has it served then. */
void control_look(struct control *c);

/* Ends the process with all that it started, and closes the port. */
void control_end(struct control *c);

#endif
