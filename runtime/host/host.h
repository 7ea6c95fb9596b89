/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host: what this machine has to give. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes that programs here may still take without anything being swapped out, by the
 * system and by our control groups; 0 where nothing says. */
uint64_t host_read_available_memory(void);
/* Bytes that a process has of its own by now; 0 where the system does not say. */
uint64_t host_read_used_memory(pid_t pid);
/* Processors that we may run on; at least 1. */
unsigned host_count_processors(void);

#endif
