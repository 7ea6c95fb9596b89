/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel: what a Debian kernel package holds: the image that boots, and its modules, kept
 * in an unnamed file while a base is built. */
#ifndef COMPILER_KERNEL_H
#define COMPILER_KERNEL_H

#include "common/diag.h"
#include "modules.h"

struct kernel {
	struct modules modules;
	int spool; /* the modules' bytes, not compressed, or -1 */
	uint64_t spool_size;
};

/* Reads the package dirfd/path; the image goes to out/name, mode 0444, synced. `label` is
 * what messages call the package. */
int kernel_read(struct kernel *k, int dirfd, const char *path, const char *label, int out,
	const char *name, struct diag *d);
void kernel_clear(struct kernel *k);

/* A module's bytes, in the arena; NULL with a message. */
const void *kernel_load_module(
	const struct kernel *k, const struct module *m, struct arena *a, struct diag *d);

#endif
