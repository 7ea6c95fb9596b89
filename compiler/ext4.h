/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4: a finished tree -> an ext4 image, by libext2fs: 4 KiB blocks, metadata checksums,
 * no journal, owner root. The same tree and options give the same bytes. The first write
 * error sticks and fails the call. */
#ifndef COMPILER_EXT4_H
#define COMPILER_EXT4_H

#include <stdint.h>

#include "common/diag.h"
#include "tree.h"

#define EXT4_WRITER_VERSION 1 /* raise it with any change of the bytes written */

struct ext4_options {
	const char *label;   /* at most 16 bytes */
	const char *id_seed; /* the UUID and the hash seed come from its SHA-256 */
	uint64_t size_bytes; /* 0: as small as holds the tree */
	int64_t epoch;	     /* every time stamp, seconds */
};

/* Makes dirfd/path, which must not exist, mode 0644. Where size_bytes is too small, the
 * message says needed and given and nothing is made; a failed image is removed. */
int ext4_write(int dirfd, const char *path, struct tree *t, const struct ext4_options *o,
	struct diag *d);

/* The size that ext4_write would give the image with size_bytes 0. */
int ext4_size_needed(struct tree *t, uint64_t *size_bytes, struct diag *d);

#endif
