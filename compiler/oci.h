/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci: a container image -> a tree: an OCI image layout (a folder, or a tar of one) or
 * what `docker save` writes. Formats: github.com/opencontainers/image-spec (v1.1), Docker
 * Image Specification v1.2.
 *
 *     index ─▶ manifest ─┬─▶ configuration ─▶ struct oci_config
 *                        └─▶ layers, one on top of the other ─▶ struct tree
 */
#ifndef COMPILER_OCI_H
#define COMPILER_OCI_H

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "plan.h"
#include "tree.h"

/* What the image says of running it, checked: no newline in it, an absolute folder. ""
 * and 0 where it says nothing. What of it was left out stands in warnings. */
struct oci_config {
	const char *const *environment; /* "NAME=VALUE" */
	size_t environment_count;
	const char *user;	    /* "app", "1000:1000" */
	const char *folder;	    /* absolute */
	const char *const *command; /* entry point and arguments */
	size_t command_count;
	const char *const *warnings;
	size_t warning_count;
};

struct oci_image {
	char digest[DIGEST_HEX]; /* of the image's configuration, which names all layers
				  */
	struct oci_config config;
	struct oci_layers *layers;
	const char *input; /* the host file that says which image it is, for depfiles */
};

/* Splits "PATH[:TAG]" or "PATH@sha256:HEX", both as they are written: the path is the
 * longest part before a colon that exists (below `folder` where it is relative), or the
 * whole. Returns the tag, or NULL where there is none. */
const char *oci_split(
	const char *folder, const char *reference, const char **path, struct arena *a);

/* Opens the image at a host path; tag NULL: the only one there is. Index, manifest and
 * configuration are read and their digests compared. `name` is what messages call the
 * path. Strings live in a. oci_close() is due in any case. 0 or -1. */
int oci_open(struct oci_image *o, const char *path, const char *tag, const char *name,
	const struct place *place, struct arena *a, struct diag *d);
void oci_close(struct oci_image *o);

/* Applies the layers in order, whiteouts and opaque folders too; owners, modes, times,
 * attributes and devices are kept. Every layer's digests are compared, packed and
 * unpacked. The nodes' mark and at are used and cleared. 0 or -1, and then the tree
 * holds parts. */
int oci_add_layers(
	struct oci_image *o, struct tree *t, const struct place *place, struct diag *d);

#endif
