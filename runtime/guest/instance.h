/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance: one of them, from its disks to its record. */
#ifndef GUEST_INSTANCE_H
#define GUEST_INSTANCE_H

#include "agent.h"

/* Forgets the instance before, but not its arguments. */
void instance_init(struct agent *a);

/* Waits until the disks are there that it takes, for a while. */
void instance_wait_for_disks(struct agent *a);

/* Makes the root disk "/", where the base has one, and sees to the network. Nothing where
 * the base has gone wrong. Returns 0, or -1: the record's reason says why. */
int instance_attach_root(struct agent *a);

/* Says hello on the port. */
void instance_greet(struct agent *a);

/* Mounts the disks and runs the scripts; what comes of it is in the record. */
void instance_run(struct agent *a, int arguments_are_good);

/* Writes the record, or tells why there is none, and unmounts. Returns 0 where all of
 * that went well, or -1. */
int instance_leave(struct agent *a);

#endif
