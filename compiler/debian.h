/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian: the root of a base of Debian packages, made by mmdebstrap without root,
 * offline, from the pinned packages, in steps that the store keeps:
 *
 *     layers/KEY.tar    the whole root after a step, as mmdebstrap wrote it
 *
 * KEY is the digest of the step (its packages, the builder's version) and of what came
 * before it. A plan without `from` has two steps: the essential packages, then its own.
 */
#ifndef COMPILER_DEBIAN_H
#define COMPILER_DEBIAN_H

#include "supply.h"

struct debian_layer {
	char key[DIGEST_HEX];	   /* "" where the lock is incomplete */
	char contents[DIGEST_HEX]; /* of what packages it has, in which versions */
	struct supply *supply;	   /* borrowed, as is what is below: they live on */
	struct debian_layer *below;
};

/* Pins the packages of s->plan in s->lock, with all that they depend on and `below` has
 * not; s comes from supply_open(). `below` is the layer that this one goes on from, or
 * NULL; where the archive must be asked, its packages are fetched. Gives the layer's key.
 * With options->find_only and an incomplete lock s->incomplete is set. 0 or -1. */
int debian_pin(struct supply *s, struct debian_layer *below, struct debian_layer *layer,
	struct diag *d);

/* Makes the layer, and those before it, where the store has none. Where a pinned package
 * has left the archive newer ones take its place, with a warning, and keys change. 0 or
 * -1; an interrupted or failed build leaves nothing. */
int debian_build(struct debian_layer *layer, struct diag *d);

/* "layers/KEY.tar" in the store. */
const char *debian_place(const struct debian_layer *layer, struct arena *a);

#endif
