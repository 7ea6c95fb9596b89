/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext4: a finished tree -> an ext4 image: 4 KiB blocks, metadata checksums, indexed
 * folders, no journal. Contents first, in one pass over the files, then folders, then the
 * tables. The same tree and options give the same bytes. The first write error fails the
 * call. */
#ifndef COMPILER_EXT4_H
#define COMPILER_EXT4_H

#include <stdint.h>

#include "common/diag.h"
#include "stream.h"
#include "tree.h"

#define EXT4_WRITER_VERSION 2 /* raise it with any change of the bytes written */
#define EXT4_LABEL_MAX 16
#define EXT4_UUID_BYTES 16
/* The times that an inode holds, if it is larger than 128 bytes: 1901 to 2446. */
#define EXT4_SECONDS_MIN INT32_MIN
#define EXT4_SECONDS_MAX (((int64_t)3 << 32) + INT32_MAX)

struct ext4_options {
	const char *label;	   /* at most EXT4_LABEL_MAX bytes */
	const unsigned char *uuid; /* NULL: from a digest of all that the image holds */
	uint64_t size_bytes;	   /* 0: as small as holds the tree */
	int64_t epoch;		   /* the file system's own times, seconds */
	struct stream_options stream;
};

/* Makes dirfd/path, which must not exist, mode 0644. What ext4 cannot hold is told before
 * anything is written; where size_bytes is too small, the message says needed and given.
 * A failed image is removed. Every file of the tree is measured afterwards. Not synced.
 */
int ext4_write(int dirfd, const char *path, struct tree *t, const struct ext4_options *o,
	struct diag *d);

/* The same bytes as a part of an open file, which must be all zeros from the offset on,
 * and ends with the image; *size_bytes is what it takes. `name` is what messages call it.
 */
int ext4_write_at(int fd, const char *name, uint64_t offset, struct tree *t,
	const struct ext4_options *o, uint64_t *size_bytes, struct diag *d);

#endif
