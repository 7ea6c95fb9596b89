/* SPDX-License-Identifier: GPL-2.0-or-later */
/* debian_contents: the packages that a layer has, with all that is below it, in order of
 * name; and what dpkg and apt are told of them. */
#ifndef COMPILER_DEBIAN_CONTENTS_H
#define COMPILER_DEBIAN_CONTENTS_H

#include "debian.h"

struct debian_contents {
	const struct pin **pins; /* sorted by name, none twice: the upper one counts */
	size_t count;
};

/* After its last step, or only up to `step`. Everything lives in a. */
void debian_list_contents(const struct debian_layer *layer, enum pin_step step,
	struct debian_contents *c, struct arena *a);
/* The digest of names, versions and digests. */
void debian_digest_contents(const struct debian_contents *c, char digest[DIGEST_HEX]);
/* The pins of one step of the lock. */
void debian_list_step(const struct supply *s, enum pin_step step,
	struct debian_contents *c, struct arena *a);

/* Fills in the layer's key and contents. */
void debian_name_layer(struct debian_layer *layer);
/* The key of the layer's essential packages alone; it has none below. */
void debian_name_essential(const struct debian_layer *layer, char key[DIGEST_HEX]);

/* Adds dpkg's status of a system with these packages. The store has them. */
int debian_add_status(struct supply *s, const struct debian_contents *c, struct buffer *b,
	struct diag *d);
/* Adds an archive's index of these packages, each a file SHA256.deb beside it. */
int debian_add_index(struct supply *s, const struct debian_contents *c, struct buffer *b,
	struct diag *d);

#endif
