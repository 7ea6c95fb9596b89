/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sweep: the loop that runs instances, several at once, in one thread: QEMU's
 * parent-death signal is bound to the thread that forked it. */
#ifndef HOST_SWEEP_H
#define HOST_SWEEP_H

#include "accel.h"
#include "common/diag.h"
#include "instance.h"
#include "warm.h"

struct sweep_state {
	const struct instance *list; /* the slots; some may be idle */
	size_t count;
	size_t held;	     /* instances that other runs have */
	int is_memory_short; /* another one waits for memory */
};

enum sweep_answer {
	SWEEP_RUN,
	SWEEP_DONE, /* another run was faster: it has its result */
	SWEEP_LATER /* another run has it */
};

struct sweep_listener {
	/* An instance is about to start, for the first time. */
	enum sweep_answer (*ask)(void *context, const struct manifest_instance *what);
	/* An instance ended; i's verdict and result stand. `again`: it will be tried once
	 * more, so that this was not its end. */
	void (*ended)(void *context, const struct instance *i, int again);
	/* KVM did not boot a guest; from here on it is TCG. */
	void (*fell_back)(void *context);
	/* That instances start cold, and why; once, if at all. */
	void (*warm)(void *context, const char *why);
	/* Once a turn, with those that run. Returns -1 where the run should end. */
	int (*turn)(void *context, const struct sweep_state *state);
	void *context;
};

/* What there is to run. */
struct sweep_plan {
	const struct manifest_instance *const *list;
	size_t count, slots; /* so many at once */
	unsigned retries;    /* for each, where it was not the application that failed */
	enum accelerator accelerator;
	struct warm *warm;
};

/* Runs the plan. `signals` is a signalfd. Returns 0 where all ended, a signal's number
 * where one stopped them (those that ran are gone without a trace). */
int sweep_run(const struct instance_context *c, const struct sweep_plan *plan,
	int signals, const struct sweep_listener *listener);

#endif
