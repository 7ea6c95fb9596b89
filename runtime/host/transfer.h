/* SPDX-License-Identifier: GPL-2.0-or-later */
/* transfer: a finished folder copied from a scratch folder to the results' disk by a
 * child, so that the guests' loop goes on meanwhile. */
#ifndef HOST_TRANSFER_H
#define HOST_TRANSFER_H

#include <sys/types.h>

#include "common/diag.h"

struct transfer {
	pid_t pid; /* 0: none */
	int pidfd; /* readable once it has ended */
};

#define TRANSFER_NONE ((struct transfer){0, -1})

/* Starts copying what is in `from` (files, folders, links) into the empty folder `to`.
 * Returns 0 or -1. */
int transfer_start(struct transfer *t, int from, int to, struct diag *d);
/* Takes its end. Returns 0 where all is on the other disk; `name` is what messages call
 * that. */
int transfer_reap(struct transfer *t, const char *name, struct diag *d);
/* Ends it at once. */
void transfer_kill(struct transfer *t);

#endif
