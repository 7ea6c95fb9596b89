/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process: a child program by argument vector, its two outputs caught. */
#ifndef COMPILER_PROCESS_H
#define COMPILER_PROCESS_H

#include "common/diag.h"
#include "common/memory.h"

/* Runs argv[0], an absolute path, in the folder `dirfd` with the C locale and no input.
 * The child dies with us. Returns its exit status, 128+n where signal n ended it, or -1
 * with a message where it could not be run. */
int process_run(const char *const argv[], int dirfd, struct buffer *out,
	struct buffer *err, struct diag *d);

#endif
