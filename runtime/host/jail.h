/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jail: where a process goes before it reads a hostile disk image. Afterwards it can
 * write below one folder and talk on the descriptors that it has; nothing else. */
#ifndef HOST_JAIL_H
#define HOST_JAIL_H

#include <stdint.h>

#include "common/diag.h"

struct jail_limits {
	uint64_t memory_bytes, cpu_seconds, file_bytes;
	unsigned descriptors;
};

/* Closes every descriptor but 0, 1, 2 and those of `keep`, which it gives the numbers 3
 * and up in their order. Returns 0, or -1 with errno set. */
int jail_keep_descriptors(const int *keep, int count);

/* Enters: resource limits, no new privileges, Landlock where the kernel has it (writes
 * below the folder `root` only), seccomp. Returns 0 or -1. */
int jail_enter(const struct jail_limits *limits, int root, struct diag *d);

#endif
