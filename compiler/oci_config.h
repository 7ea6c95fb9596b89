/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_config: an image's configuration (JSON) -> what it says of running the image, and
 * the digests of its unpacked layers. */
#ifndef COMPILER_OCI_CONFIG_H
#define COMPILER_OCI_CONFIG_H

#include "oci.h"
#include "oci_blobs.h"

struct oci_diffs {
	const char *const *list; /* hex digits */
	size_t count;
};

/* Strings live in a. 0, or -1 where something is not what Linux on amd64 can use. */
int oci_config_read(const struct oci_blobs *b, const char *text, size_t size,
	struct oci_config *config, struct oci_diffs *diffs, struct arena *a,
	struct diag *d);

/* 1, and the 64 digits after "sha256:", where text is that and no more. */
int oci_read_digest(const char *text, char hex[DIGEST_HEX]);

#endif
