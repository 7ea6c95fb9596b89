/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_machine: a machine as QEMU's command line. */
#ifndef HOST_QEMU_MACHINE_H
#define HOST_QEMU_MACHINE_H

#include "common/memory.h"
#include "qemu.h"

#define QEMU_ARGUMENT_LIMIT 128

struct qemu_arguments {
	struct arena arena;
	char *list[QEMU_ARGUMENT_LIMIT]; /* ended by NULL */
	size_t count;
	int passed[24]; /* descriptors that QEMU inherits */
	size_t passed_count;
	const char *scratch; /* where QEMU makes its temporary files, or NULL */
};

/* QEMU's ends of what we talk with it by; -1: none. */
struct qemu_channels {
	int console, port, monitor;
};

/* Adds all arguments; the arena is the caller's to clear. */
void qemu_describe(struct qemu_arguments *a, const struct qemu_program *p,
	const struct qemu_machine *m, const struct qemu_channels *c);

#endif
