/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entropy: the kernel's random numbers are ready before the first script asks. */
#ifndef GUEST_ENTROPY_H
#define GUEST_ENTROPY_H

#include <stddef.h>

/* Credits what the host's random device gives at once; waits for nothing. A guest without
 * such a device is left to the kernel's own means. */
void entropy_add(void);

/* Credits these bytes, at most 32, which no other guest was told, and has the kernel
 * derive all that it gives from now on from them, too. */
void entropy_renew(const unsigned char *seed, size_t size);

#endif
