/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arguments: what the host says on the kernel's command line. */
#ifndef GUEST_ARGUMENTS_H
#define GUEST_ARGUMENTS_H

#include <stdint.h>

struct arguments {
	uint64_t time_ms;			 /* 0: no limit */
	enum { AS_BASE, AS_USER, AS_ROOT } user; /* AS_BASE: whom the base says */
	int probe;
	int warm; /* wait until the host says `resume` */
	int next; /* wait for another instance after this one */
	int off;  /* the machine is switched off in the end */
};

/* Reads a command line, which is taken apart; of an argument given twice the last counts.
 * Returns 0, or -1 where a value is none that it can have. */
int arguments_parse(struct arguments *a, char *line);

/* The same of further arguments, which come after those that were read. */
int arguments_add(struct arguments *a, char *line);

#endif
