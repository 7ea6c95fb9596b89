/* SPDX-License-Identifier: GPL-2.0-or-later */
/* family: a child program and all its descendants. They end when we end, whatever ends
 * us, and what they leave behind then goes. */
#ifndef COMPILER_FAMILY_H
#define COMPILER_FAMILY_H

#include "common/diag.h"

#define FAMILY_INPUT 9 /* a shell can name it: "<&9" */

struct family {
	const char *const *argv; /* argv[0]: an absolute path; it ends its own children
				    when it is killed, as unshare --kill-child does */
	const char *const *environment;
	int folder; /* where it works */
	int kept;   /* a descriptor that clean needs, besides folder; others are closed */
	int input;  /* it has this as descriptor FAMILY_INPUT, or -1 */
	int output; /* its standard output */
	/* Is given each line of its standard error. */
	void (*hear)(void *context, const char *line);
	/* Removes what is left. Called where we die first, by another process that has
	 * our memory. */
	void (*clean)(void *context);
	void *context;
};

/* Runs it. Returns its exit status, 128+n where signal n ended it, or -1. */
int family_run(const struct family *f, struct diag *d);

#endif
