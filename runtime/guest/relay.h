/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay: the pipes of one script, to the output disk and, live, to the host. */
#ifndef GUEST_RELAY_H
#define GUEST_RELAY_H

#include "output.h"
#include "port.h"

struct relay {
	int read[OUTPUT_STREAMS]; /* -1 once at its end */
	int write[OUTPUT_STREAMS];
};

/* Makes the pipes. Returns 0, or -1 with errno. */
int relay_open(struct relay *r);

/* Closes the script's ends, once the script has them. */
void relay_hand_over(struct relay *r);

/* Passes on one chunk of a stream. Returns 1 where there may be more at once, else 0. */
int relay_pass(struct relay *r, enum output_stream s, struct output *o, struct port *p);

/* Passes on all that is left, without waiting, and closes the pipes. */
void relay_finish(struct relay *r, struct output *o, struct port *p);

#endif
