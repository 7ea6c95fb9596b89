/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host: what this machine has to give. */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdint.h>

/* Bytes that programs may still take; 0 where the system does not say. */
uint64_t host_read_available_memory(void);
/* Processors that are online; at least 1. */
unsigned host_count_processors(void);

#endif
