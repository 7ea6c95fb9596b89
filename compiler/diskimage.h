/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diskimage: "IMAGE[:PART]" -> the ext2, ext3 or ext4 file system that is meant, locked
 * against other programs. The image is a raw one; nothing else is guessed. */
#ifndef COMPILER_DISKIMAGE_H
#define COMPILER_DISKIMAGE_H

#include "common/diag.h"
#include "common/memory.h"
#include "ext2disk.h"
#include "partitions.h"

struct diskimage {
	const char *path; /* of the image's file */
	const char *name; /* "disk.img:2": what messages call the part */
	int fd;
	struct partition part;
	struct ext2disk disk;
	struct arena arena;
};

/* Opens it, with `writable` for changes, which lock out all others. Fails at once where
 * another program has it locked. diskimage_close() in any case. 0 or -1. */
int diskimage_open(struct diskimage *m, const char *spec, int writable, struct diag *d);
void diskimage_close(struct diskimage *m);

/* "disk.img:2" -> its path, in the arena, and the number, or PARTITION_ANY; a name that
 * ends in a colon and digits is written "x:1:0". 0 or -1. */
int diskimage_split(const char *spec, struct arena *a, const char **path, int *number,
	struct diag *d);

/* Locks an image of any format that is open, as QEMU and we do. Fails at once where
 * another program has it. The lock goes with the descriptor. 0 or -1. */
int diskimage_lock(int fd, const char *path, int writable, struct diag *d);

#endif
