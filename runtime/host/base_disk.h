/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base_disk: a disk image that QEMU is going to read, in a format that may name other
 * files of this host. It comes from anyone. */
#ifndef HOST_BASE_DISK_H
#define HOST_BASE_DISK_H

#include "common/diag.h"

/* Checks the header: it must be of that format and name no other file. `name` is what
 * messages call it. Returns 0 or -1. */
int base_disk_check(int fd, const char *format, const char *name, struct diag *d);

#endif
