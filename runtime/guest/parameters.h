/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parameters: params.txt -> the environment of every script. */
#ifndef GUEST_PARAMETERS_H
#define GUEST_PARAMETERS_H

#include <stddef.h>

#include "text.h"

#define PARAMETERS_BYTES 262144 /* of params.txt, and of the variables made from it */
#define PARAMETERS_COUNT 4096

struct parameters {
	char *environment[PARAMETERS_COUNT + 1]; /* ends with NULL */
	size_t count;
	char file[PARAMETERS_BYTES];
	char variables[PARAMETERS_BYTES];
};

/* Reads folder/params.txt. Returns 0, or -1 with a problem in one line; the environment
 * is complete but for the parameters then. */
int parameters_read(struct parameters *p, const char *folder, struct text *problem);

/* The same from a text of that size that p->file holds. */
int parameters_parse(struct parameters *p, size_t size, struct text *problem);

#endif
