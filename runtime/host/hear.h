/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hear: what an instance's guest says, and QEMU's monitor, and what follows from it while
 * it runs. */
#ifndef HOST_HEAR_H
#define HOST_HEAR_H

#include "instance.h"

/* Has it listen to its guest. */
void hear_begin(struct instance *i);
/* The console may have panicked. */
void hear_console(struct instance *i, int had_panicked);
/* Ends one whose guest has not begun with it: it can be had anew, cold. */
void hear_failure_to_go_on(struct instance *i, const char *why);
/* 1 where its guest has begun with it. */
int hear_has_begun(const struct instance *i);
/* What this run tells the agent; the caller frees. */
char *hear_make_arguments(const struct instance_context *c);
/* It must be over, for this cause, so many milliseconds from now. */
void hear_set_deadline(struct instance *i, enum stop_cause cause, uint64_t in_ms);
/* Ends it where the guest itself did not end its scripts at their limit; the guest has
 * boot_ms to start them. */
void hear_set_time_deadline(struct instance *i, uint64_t boot_ms);

#endif
