/* SPDX-License-Identifier: GPL-2.0-or-later */
/* root: the root disk of a base, as the plans of its chain say, one on top of the other:
 *
 *     a layer of packages │ an image's layers │ folders, archives ─▶ files, files … ─▶
 * tree ─▶ root.img
 */
#ifndef COMPILER_ROOT_H
#define COMPILER_ROOT_H

#include "base.h"
#include "chain.h"
#include "contents.h"
#include "debian.h"
#include "oci.h"
#include "supply.h"
#include "tree.h"
#include "witness.h"

struct root {
	const struct chain *chain;
	const struct base_options *options;
	struct supply *supplies;    /* one a plan of the chain, open */
	struct debian_layer *layer; /* the last one of packages, or NULL */
	struct oci_image image;
	char registry[DIGEST_HEX]; /* what the image is called there, or "" */
	struct buffer sources;	   /* what decides the disk beside the layer, in words */
	size_t pinned_size, pinned_inputs; /* of what comes before files in both */
	struct contents contents; /* the plan's folders and archives, described */
	struct witness seen;	  /* those files */
	const char **inputs;	  /* host files among that */
	size_t input_count;
	struct arena *arena;
};

/* Finds out what the disk is made of: pins packages, opens the image, digests folders,
 * archives and files. root_close() is due in any case. 0 or -1. */
int root_open(struct root *r, const struct chain *c, struct supply *supplies,
	const struct base_options *o, struct arena *a, struct diag *d);
void root_close(struct root *r);

/* Digests folders, archives and files again: they may have changed while something was
 * waited for. 0 or -1. */
int root_look_again(struct root *r, struct diag *d);

/* Looks at every file that the plans name, and at a local image; builds nothing. 0 or -1.
 */
int root_check(const struct chain *c, const struct base_options *o, struct diag *d);

/* Makes the layers of packages that the store lacks. Where pinned ones are gone, newer
 * packages and another key take their place, with a warning. 0 or -1. */
int root_make_layers(struct root *r, struct diag *d);

/* Adds all that decides the disk to the text of the base's key. */
void root_add_key(const struct root *r, struct buffer *text);

/* Writes dirfd/root.img, synced, and adds the lines to `guest` that tell the agent of the
 * disk (docs/guest.md: /etc/base). Fails where the host's files are no longer those that
 * were digested. 0 or -1. */
int root_write(struct root *r, int dirfd, struct buffer *guest, struct diag *d);

#endif
