/* SPDX-License-Identifier: GPL-2.0-or-later */
/* depfile: what a build read, as a rule for make. */
#ifndef COMPILER_DEPFILE_H
#define COMPILER_DEPFILE_H

#include <stddef.h>

#include "common/diag.h"

/* Writes "target: inputs…" with make's escapes; phony adds an empty rule for each input,
 * so that a file that went away stops nothing. Left alone where it says so already. 0 or
 * -1. */
int depfile_write(const char *path, const char *target, const char *const *inputs,
	size_t count, int phony, struct diag *d);

#endif
