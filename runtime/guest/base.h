/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: what /etc/base, or its copy for a daemon, says of the guest's base. docs/guest.md
 * has its lines. */
#ifndef GUEST_BASE_H
#define GUEST_BASE_H

#include "launch.h"
#include "runtime/unit.h"
#include "text.h"

#define BASE_BYTES WU_GUEST_BASE_BYTES
#define BASE_VARIABLES WU_GUEST_BASE_VARIABLES

struct base {
	int has_root;	    /* the root is a disk, under an overlay in memory */
	const char *init;   /* the root's own init, which is to be started, or NULL */
	const char *folder; /* where scripts run */
	struct user user;   /* whom they run as where the unit does not say */
	char *environment[BASE_VARIABLES + 1]; /* NAME=VALUE; ends with NULL */
	size_t variable_count;
	char text[BASE_BYTES]; /* the file, taken apart */
};

/* What holds where there is no such file. */
void base_init(struct base *b);

/* Takes the file of that size in b->text apart. Returns 0, or -1 with a problem in one
 * line. */
int base_parse(struct base *b, size_t size, struct text *problem);

/* Reads it; without it the base is one that has nothing to say. Returns as above. */
int base_read(struct base *b, const char *path, struct text *problem);

#endif
