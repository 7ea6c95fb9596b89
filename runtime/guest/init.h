/* SPDX-License-Identifier: GPL-2.0-or-later */
/* init: the root's own init takes the machine over, and starts the agent as its daemon.
 */
#ifndef GUEST_INIT_H
#define GUEST_INIT_H

#include "text.h"

/* What the daemon needs is in the overlay's memory: inits mount their own over /run, or
 * forbid programs there. */
#define INIT_FOLDER "/.workunit"
#define INIT_BASE_LINES INIT_FOLDER "/base"

/* Puts the agent, from the initrd's folder, there and tells the init of it. Returns
 * 0, or -1 with a problem in one line. */
int init_prepare(const char *init, int initrd, struct text *problem);

/* Becomes the init. Returns only where that failed, with a problem in one line. */
void init_become(const char *init, struct text *problem);

#endif
