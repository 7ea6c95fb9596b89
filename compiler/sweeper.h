/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sweeper: a process that outlives this one, however this one ends, and then takes away
 * what it left unfinished. */
#ifndef COMPILER_SWEEPER_H
#define COMPILER_SWEEPER_H

#include <sys/types.h>

struct sweeper {
	pid_t pid; /* 0: there is none */
};

/* Starts it; call it while there are no threads. It calls sweep(folder) if this process
 * dies before sweeper_stop(). Where it cannot be started, the next build sweeps. */
void sweeper_start(struct sweeper *s, int folder, void (*sweep)(int folder));
void sweeper_stop(struct sweeper *s);

#endif
