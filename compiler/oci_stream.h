/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_stream: a layer's blob, packed or not (gzip, zstd, xz, bzip2) -> the members of its
 * tar, and the digests of both. */
#ifndef COMPILER_OCI_STREAM_H
#define COMPILER_OCI_STREAM_H

#include <archive.h>

#include "oci_blobs.h"

struct oci_stream {
	struct archive *members; /* the tar's reader */
	struct archive *filters;
	int is_empty; /* the filters have nothing */
	const struct oci_blob *blob;
	uint64_t at; /* in the blob */
	struct digest *packed, *unpacked;
	char *chunk;
	char packed_hex[DIGEST_HEX], unpacked_hex[DIGEST_HEX];
};

/* Opens it; oci_stream_close() is due in any case. 0, or -1 and oci_stream_error(). */
int oci_stream_open(struct oci_stream *s, const struct oci_blob *blob);
void oci_stream_close(struct oci_stream *s);

/* Reads what is left and sets the digests; of the packed one even after an error, which
 * gives -1. */
int oci_stream_finish(struct oci_stream *s);

/* What the last failed call found wrong. */
const char *oci_stream_error(const struct oci_stream *s);

#endif
