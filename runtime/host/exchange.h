/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange: the output disk and the CD of a machine that runs, taken out and put in by
 * its monitor, one command after the other. The guest has unmounted them, or not yet
 * looked for them. */
#ifndef HOST_EXCHANGE_H
#define HOST_EXCHANGE_H

#include "qmp.h"

enum exchange_state {
	EXCHANGE_IDLE,
	EXCHANGE_TAKES_OUT,
	EXCHANGE_IS_OUT, /* QEMU holds neither of them any more */
	EXCHANGE_PUTS_IN,
	EXCHANGE_IS_IN
};

struct exchange {
	enum exchange_state state;
	unsigned step;	    /* commands that QEMU has done */
	unsigned awaited;   /* answers and events until the one that it does is done */
	int is_open;	    /* the monitor takes commands */
	unsigned sets[2];   /* numbers of the descriptors' sets: disk, CD */
	unsigned set_count; /* that there were */
	int fds[2];	    /* borrowed, while they are put in */
};

/* Begins; the first sets are those of the command line. Returns 0, or -1 where the
 * monitor takes no command. */
int exchange_take_out(struct exchange *x, int monitor, int output, int params);
int exchange_put_in(struct exchange *x, int monitor, int output, int params);
/* What QEMU said. Returns 0, or -1 where it went wrong. */
int exchange_hear(struct exchange *x, int monitor, const struct qmp_message *m);

#endif
