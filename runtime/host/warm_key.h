/* SPDX-License-Identifier: GPL-2.0-or-later */
/* warm_key: all that decides what a saved guest is, in one digest. */
#ifndef HOST_WARM_KEY_H
#define HOST_WARM_KEY_H

#include "common/digest.h"
#include "instance.h"

/* The unit's files (but for the parameter CDs), the machine, QEMU, its firmware, the
 * accelerator and the processor; with KVM this host's kernel, too. Returns 0 or -1. */
int warm_key(const struct instance_context *c, enum accelerator a, char key[DIGEST_HEX],
	struct diag *d);

#endif
