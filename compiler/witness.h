/* SPDX-License-Identifier: GPL-2.0-or-later */
/* witness: the host's files as a first scan saw them, so that what a later one gives to
 * be written can be told from what was changed, or put in their place, in between. */
#ifndef COMPILER_WITNESS_H
#define COMPILER_WITNESS_H

#include <sys/stat.h>

#include "tree.h"

struct witness {
	struct witness_file *files; /* sorted once it is sealed */
	size_t count, room;
	int sealed;		/* the first scan is over */
	char shape[DIGEST_HEX]; /* of its tree */
};

void witness_clear(struct witness *w);

/* The first scan sees an archive, or the files of its tree, which is finished. */
void witness_add(struct witness *w, const struct stat *st);
void witness_add_tree(struct witness *w, struct tree *t);
/* From here on it is asked. */
void witness_seal(struct witness *w);

/* Says that it saw another one. Returns -1. */
int witness_fail(const struct place *p, const char *what, struct diag *d);
/* 1 where it saw exactly this file. */
int witness_saw(const struct witness *w, const struct stat *st);
/* Each of the tree's host files must have been seen, and where it was written without
 * holes must have held what it holds now. 0 or -1. */
int witness_check_tree(const struct witness *w, struct tree *t, struct diag *d);
/* 1 where a finished tree has the same nodes, from the same files, as the first one. */
int witness_is_shape(const struct witness *w, struct tree *t);

#endif
