/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place: messages that point into a recipe. */
#ifndef COMPILER_PLACE_H
#define COMPILER_PLACE_H

#include "common/diag.h"
#include "plan.h"

/* Adds "file:line: field: text"; just "text" where p is NULL or names no file.
 * Returns -1. */
int place_fail(struct diag *d, const struct place *p, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Moves each line of `from`, none of them placed yet, to `to` with the place before it.
 * Returns -1. */
int place_fail_all(struct diag *to, const struct place *p, struct diag *from);

#endif
