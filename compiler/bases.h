/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bases: what the store has, listed and cleared away. Everything in it can be made or
 * fetched again, and units keep what they have: hard links, or copies. */
#ifndef COMPILER_BASES_H
#define COMPILER_BASES_H

#include "base.h"
#include "common/diag.h"

struct bases {
	struct base *list; /* sorted by name, then digest; damaged ones are left out */
	size_t count;
	struct base *damaged; /* those: the digest is set, the name where it is known */
	size_t damaged_count;
	struct arena arena;
};

/* Every base in the store. bases_clear() is due in any case. 0 or -1. */
int bases_read(struct bases *b, struct diag *d);
void bases_clear(struct bases *b);

/* 1 where a base has this name, or a digest that begins with it (12 digits at least). */
int bases_is_called(const struct base *base, const char *name);

/* Removes one from the store; what another process has open of it lives on. 0 or -1. */
int bases_remove(const struct base *base, struct diag *d);

/* What bases_collect() removed, or would. */
struct bases_garbage {
	size_t count;
	uint64_t bytes; /* on the disk */
};

/* Removes bases, layers, images and packages that no build has used for so many seconds,
 * and keys that lead nowhere. each() is told their places, "bases/…", before. 0 or -1. */
int bases_collect(int64_t unused_seconds, int dry_run,
	void (*each)(void *context, const char *place, uint64_t bytes), void *context,
	struct bases_garbage *garbage, struct diag *d);

#endif
