/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mounts: the unit's disks at their places, and away again. */
#ifndef GUEST_MOUNTS_H
#define GUEST_MOUNTS_H

#include "disks.h"
#include "text.h"

#define MOUNT_SCRIPTS "/scripts"
#define MOUNT_PARAMETERS "/params"
#define MOUNT_OUTPUT "/output"

/* Adds "WHAT: DOING: " and what errno says to the problem; returns -1. */
int mounts_fail(struct text *problem, const char *what, const char *doing);

/* Mounts a found disk. Returns 0, or -1 with a problem in one line. */
int mounts_attach(const struct disks *d, enum disk_kind kind, struct text *problem);

/* Unmounts the output disk; where it is busy it becomes read only, with nothing lost. */
void mounts_detach(void);

/* Unmounts all of the disks. Returns 0 where none is in use any more, or -1. */
int mounts_detach_all(void);

#endif
