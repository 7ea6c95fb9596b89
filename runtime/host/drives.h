/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drives: the disks that are one instance's own: its copy of the disk that it writes to,
 * its parameter CD and its floppy. */
#ifndef HOST_DRIVES_H
#define HOST_DRIVES_H

#include "instance.h"

/* Opens them, in its work folder and in the unit. Returns 0 or -1. */
int drives_open(struct instance *i, const struct snapshot *from, struct diag *d);
/* Plugs them, and those of the unit, into the machine. */
void drives_plug(const struct instance *i, struct qemu_machine *m);
/* What of its disk is unpacked. */
struct image_place drives_get_place(const struct instance *i);
void drives_close(struct instance *i);

#endif
