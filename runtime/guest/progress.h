/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress: a FIFO by which a script says how far it is, a line "FRACTION TEXT" each. */
#ifndef GUEST_PROGRESS_H
#define GUEST_PROGRESS_H

#include <stddef.h>

#include "port.h"

struct progress {
	int fd; /* -1 where there is no FIFO */
	size_t size;
	char line[256];
};

/* Makes the FIFO. Failures go to the console. */
void progress_open(struct progress *p);

void progress_close(struct progress *p);

/* Passes on what was written; lines that say nothing of use are dropped. */
void progress_relay(struct progress *p, struct port *port);

/* 1 where text starts with a number from 0 to 1 and a space or the end. */
int progress_is_fraction(const char *text);

#endif
