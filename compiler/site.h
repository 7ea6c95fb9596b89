/* SPDX-License-Identifier: GPL-2.0-or-later */
/* site: the place where a unit stands, and how a new folder takes it: made beside it,
 * exchanged for the old one at once. What the user put into the old folder moves along;
 * what a build that died left behind goes, but for the user's files in it. */
#ifndef COMPILER_SITE_H
#define COMPILER_SITE_H

#include "common/diag.h"
#include "common/memory.h"
#include "common/workdir.h"

struct site {
	const char *path; /* as the user named it, without a slash at its end */
	const char *name; /* its last part, links resolved */
	int parent;	  /* the folder that holds it; -1: a dry run found none */
	int folder;	  /* the unit's folder as it is, locked; -1: there is none */
};

#define SITE_NONE ((struct site){.parent = -1, .folder = -1})

/* Opens it; waits for another build of the same unit. Makes the folders above and mends
 * what a dead build left, unless dry_run. Strings live in a. 0 or -1; site_close() is due
 * in any case. */
int site_open(
	struct site *s, const char *path, int dry_run, struct arena *a, struct diag *d);
void site_close(struct site *s);

/* 1 where the folder holds nothing at all. */
int site_is_empty(const struct site *s);

/* Makes the folder in which the new unit is made. */
int site_make(const struct site *s, struct workdir *w, struct diag *d);

/* The made folder takes the unit's name; the old one, if any, goes. */
int site_publish(const struct site *s, struct workdir *w, struct diag *d);

#endif
