/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_layout: which configuration and layers belong to a tag, by index.json and the
 * manifests that it names, or by docker's manifest.json. */
#ifndef COMPILER_OCI_LAYOUT_H
#define COMPILER_OCI_LAYOUT_H

#include "oci_blobs.h"

struct oci_layer {
	const char *path; /* among the image's files */
	const struct oci_descriptor
		*of;	     /* NULL: docker's, which has no digest of its own */
	const char *diff_id; /* of the unpacked tar, by the configuration */
};

struct oci_layers {
	struct oci_blobs blobs;
	struct oci_layer *list;
	size_t count;
};

/* Fills in path and of of all layers, and gives the bytes of the configuration. Strings
 * live in a. 0 or -1. */
int oci_layout_read(struct oci_layers *l, const char *tag, const char **config,
	size_t *config_size, struct arena *a, struct diag *d);

#endif
