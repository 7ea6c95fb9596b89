/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sweep: the loop that runs instances, several at once, in one thread: QEMU's
 * parent-death signal is bound to the thread that forked it. */
#ifndef HOST_SWEEP_H
#define HOST_SWEEP_H

#include "accel.h"
#include "common/diag.h"
#include "instance.h"

struct sweep_listener {
	/* An instance ended; i's verdict and result stand. */
	void (*ended)(void *context, const struct instance *i);
	/* KVM did not boot a guest; from here on it is TCG. */
	void (*fell_back)(void *context);
	/* Another run may have been faster: 1 where this one needs no run any more. */
	int (*is_done)(void *context, const struct manifest_instance *what);
	/* Once a turn, with those that run. Returns -1 where the run should end. */
	int (*turn)(void *context, const struct instance *list, size_t count);
	void *context;
};

/* Runs these, `slots` at once. `signals` is a signalfd. Returns 0 where all ended, a
 * signal's number where one stopped them (those that ran are gone without a trace). */
int sweep_run(const struct instance_context *c, enum accelerator a,
	const struct manifest_instance *const *list, size_t count, size_t slots,
	int signals, const struct sweep_listener *listener);

#endif
