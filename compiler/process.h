/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process: a child program by argument vector, its two outputs caught. */
#ifndef COMPILER_PROCESS_H
#define COMPILER_PROCESS_H

#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"

/* Runs argv[0], an absolute path, in the folder `dirfd` with the C locale and no input.
 * The child dies with us. Returns its exit status, 128+n where signal n ended it, or -1
 * with a message where it could not be run. */
int process_run(const char *const argv[], int dirfd, struct buffer *out,
	struct buffer *err, struct diag *d);

/* Bounds for a child that reads what a stranger wrote; 0: none. */
struct process_limits {
	unsigned seconds; /* on the clock */
	uint64_t memory_bytes;
};

/* The same within bounds; what goes over them ends by a signal, or fails by itself. */
int process_run_within(const char *const argv[], int dirfd,
	const struct process_limits *limits, struct buffer *out, struct buffer *err,
	struct diag *d);

/* The absolute path of a program in $PATH, in the arena; NULL where there is none. */
const char *process_find(const char *name, struct arena *a);

#endif
