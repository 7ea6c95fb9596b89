/* SPDX-License-Identifier: GPL-2.0-or-later */
/* processes: everything that descends from a script. As PID 1 that is every process but
 * ourselves; as a daemon it is every descendant, for orphans come back to us. */
#ifndef GUEST_PROCESSES_H
#define GUEST_PROCESSES_H

#include <stdint.h>
#include <sys/types.h>

struct usage {
	uint64_t cpu_us;     /* user and system, of all that was reaped */
	uint64_t peak_bytes; /* the largest resident set of one of them */
};

/* Makes orphans ours, and the agent the last that the OOM killer would take. */
void processes_adopt(void);

/* Reaps all that have ended, adding to *used. Gives the status of `main` and sets
 * *main_ended where it is among them. Returns 1 while any process is left, else 0. */
int processes_reap(pid_t main, int *main_ended, int *status, struct usage *used);

/* Sends a signal to all of them, but not to those that descend from a spared one; a
 * process id of 0 is none. */
#define PROCESSES_SPARED 2
void processes_signal(int number, const pid_t spared[PROCESSES_SPARED]);

/* A copy of the agent, as fork(2) has it, beside the scripts: processes_reap() knows
 * nothing of it, what it starts comes back to it, and it dies with the agent. */
pid_t processes_split(void);

/* Kills all that descends from the calling process, such a copy, and reaps it. */
void processes_end_children(void);

/* Asks such a copy to end; after a moment it is ended, with all that descends from it. */
void processes_end(pid_t copy);

/* How many processes the OOM killer has ended since the guest started. */
uint64_t processes_oom_kills(void);

#endif
