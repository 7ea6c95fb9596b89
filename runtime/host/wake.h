/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wake: a saved guest goes on as one instance: QEMU is told to load its state, the guest
 * then who it is: the time, 32 random bytes, the arguments of this run. */
#ifndef HOST_WAKE_H
#define HOST_WAKE_H

#include "qemu.h"

/* Has a QEMU that was started to restore load the state; an event RESUME says when the
 * guest runs. `state` is the descriptor's number in QEMU. Returns 0, or -1 with errno. */
int wake_load(const struct qemu *q, int state);

/* Tells the guest, which runs by now. Returns 0, or -1 with errno. */
int wake_tell(const struct qemu *q, const char *arguments);

#endif
