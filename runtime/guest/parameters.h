/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parameters: params.txt -> the environment of every script. */
#ifndef GUEST_PARAMETERS_H
#define GUEST_PARAMETERS_H

#include <stddef.h>

#include "text.h"

#define PARAMETERS_BYTES 262144 /* of params.txt, and of the variables made from it */
#define PARAMETERS_COUNT 4608

struct parameters {
	char *environment[PARAMETERS_COUNT + 1]; /* ends with NULL */
	size_t count, shared; /* all; those at the start that are no parameters */
	char file[PARAMETERS_BYTES];
	char variables[PARAMETERS_BYTES];
};

/* Reads folder/params.txt. The base's variables, which NULL ends, take the place of the
 * agent's own of that name, and the parameters that of both. Returns 0, or -1 with a
 * problem in one line. */
int parameters_read(struct parameters *p, char *const *base, const char *folder,
	struct text *problem);

/* The same from a text of that size that p->file holds. */
int parameters_parse(
	struct parameters *p, char *const *base, size_t size, struct text *problem);

#endif
