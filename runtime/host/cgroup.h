/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup: what the control groups (v1 and v2) that we are in still let us take. */
#ifndef HOST_CGROUP_H
#define HOST_CGROUP_H

#include <stdint.h>

#define CGROUP_UNLIMITED UINT64_MAX

/* The least that our memory group or one above it has left, file pages that the kernel
 * can drop counted as left; CGROUP_UNLIMITED where none has a limit. `root` is where they
 * are mounted ("/sys/fs/cgroup"), `self` the list of ours ("/proc/self/cgroup"). */
uint64_t cgroup_read_available_memory(const char *root, const char *self);

#endif
