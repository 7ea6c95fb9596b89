/* SPDX-License-Identifier: GPL-2.0-or-later */
/* root: the root disk, read only under an overlay in memory, becomes "/". */
#ifndef GUEST_ROOT_H
#define GUEST_ROOT_H

#include "text.h"

/* /proc, /sys, /dev and /run go along as they are; what is open stays open. Returns 0, or
 * -1 with a problem in one line: "/" is what it was then, unless its mounts failed to go
 * along. */
int root_enter(const char *device, struct text *problem);

/* Frees the memory of what the initrd has brought, below its open folder. */
void root_forget_initrd(int folder);

#endif
