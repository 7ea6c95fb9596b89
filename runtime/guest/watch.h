/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch: a running script until it and all that it started are gone: its output, its
 * time, the signals to the agent, the heartbeat. */
#ifndef GUEST_WATCH_H
#define GUEST_WATCH_H

#include <signal.h>
#include <sys/types.h>

#include "control.h"
#include "output.h"
#include "port.h"
#include "processes.h"
#include "progress.h"
#include "relay.h"

struct watch {
	/* what the scripts share */
	struct output *output;
	struct port *port;
	struct progress progress;
	struct control control;
	pid_t spared;	      /* a process beside the scripts, or 0 */
	int signals;	      /* signalfd of SIGCHLD, SIGTERM and SIGINT */
	uint64_t limit_at_ms; /* 0: no limit */
	uint64_t heartbeat_at_ms;

	/* the script that runs */
	struct relay relay;
	pid_t pid;
	int ended, status; /* as of wait4(2) */
	struct usage used;
	uint64_t ended_at_ms;
	int timed_out, interrupted, given_up;
	enum { WATCH_RUNNING, WATCH_TERMINATING, WATCH_KILLING } phase;
	uint64_t phase_ends_ms;
};

/* The signals that a watch takes. */
void watch_fill_signals(sigset_t *set);

/* Signals wait from here on until a watch takes them. */
void watch_hold_signals(void);

/* Nothing is open; signals and all else are watch_open()'s. */
void watch_init(struct watch *w);

/* Returns 0, or -1 with errno. */
int watch_open(struct watch *w, struct output *output, struct port *port);

/* Watches w->pid, whose pipes are w->relay, to the end. */
void watch_script(struct watch *w);

/* Ends what the host asked for beside the scripts. */
void watch_close(struct watch *w);

#endif
