/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resume: a guest that waits, ready, until it is told that it goes on. The host may have
 * saved it meanwhile: what goes on then is one of many copies, at another time. */
#ifndef GUEST_RESUME_H
#define GUEST_RESUME_H

#include <stdint.h>

#include "arguments.h"
#include "port.h"

#define RESUME_SEED 32
#define RESUME_LINE 1024 /* the most bytes of the line, with its end */

/* What the host says: "resume SECONDS.NANOSECONDS HEX64[ ARGUMENT…]". */
struct resume {
	uint64_t seconds, nanoseconds; /* since 1970 */
	unsigned char seed[RESUME_SEED];
	char *arguments; /* within the line; "" where there are none */
};

/* Takes a line without its end apart. Returns 0, or -1 where it is none. */
int resume_parse(struct resume *r, char *line);

/* Waits for the port where it is still to come. Returns 0, or -1 where there is none. */
int resume_prepare(struct port *p);

/* Takes the line's word: sets the clock, makes this guest's random numbers its own and
 * adds the line's arguments to the others. Returns 0, or -1 where the line, or an
 * argument in it, makes no sense. */
int resume_take(char *line, struct arguments *a);

/* Waits for the line, and takes it. Returns as above. */
int resume_wait(struct port *p, struct arguments *a);

#endif
