/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_blobs: the files that an image is made of: those of a folder, or the members of an
 * archive, which are unpacked to a spool: the small ones at first, layers when asked for.
 */
#ifndef COMPILER_OCI_BLOBS_H
#define COMPILER_OCI_BLOBS_H

#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "plan.h"
#include "tree.h"

#define OCI_JSON_LIMIT_BYTES (8 * 1024 * 1024)

struct oci_blobs {
	const char *name; /* what messages call the image */
	const struct place *place;
	int folder;	   /* of a layout, or -1 */
	struct tree *tree; /* the archive's members, or NULL */
	struct item *item; /* what they come from */
	const char *path;  /* of the archive */
};

/* Where bytes lie: in a file from an offset on. */
struct oci_blob {
	int fd;
	uint64_t offset, size;
	int is_own; /* oci_blob_close() closes fd */
};

/* What a descriptor says: a blob's name, size and what it holds. */
struct oci_descriptor {
	char digest[DIGEST_HEX];
	uint64_t size;
	const char *media_type; /* "" where it says nothing */
};

/* Opens a folder or an archive. oci_blobs_close() is due in any case. 0 or -1. */
int oci_blobs_open(
	struct oci_blobs *b, const char *path, struct arena *a, struct diag *d);
void oci_blobs_close(struct oci_blobs *b);

/* Makes files of any size readable, not only those of OCI_JSON_LIMIT_BYTES. 0 or -1. */
int oci_blobs_complete(struct oci_blobs *b, struct diag *d);

/* Finds a file by its path: 1, 0 where there is none, -1 with a message. */
int oci_blobs_find(const struct oci_blobs *b, const char *path, struct oci_blob *blob,
	struct diag *d);
void oci_blob_close(struct oci_blob *blob);

/* Finds the blob of a descriptor, of the size that this says. 0 or -1. */
int oci_blobs_open_blob(const struct oci_blobs *b, const struct oci_descriptor *of,
	struct oci_blob *blob, struct diag *d);

/* A small file's bytes, in the arena, with a NUL behind them. NULL with a message, or
 * without one where there is no such file. */
const char *oci_blobs_read(const struct oci_blobs *b, const char *path, size_t *size,
	struct arena *a, struct diag *d);
/* The same of a descriptor's blob, its digest compared; one that is missing is an error.
 */
const char *oci_blobs_read_blob(const struct oci_blobs *b,
	const struct oci_descriptor *of, struct arena *a, struct diag *d);

/* Adds "name: text" with the recipe's place. Returns -1. */
int oci_fail(const struct oci_blobs *b, struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
