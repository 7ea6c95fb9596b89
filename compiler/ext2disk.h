/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext2disk: an ext2, ext3 or ext4 file system in a part of a raw image, which anyone may
 * have made, by libext2fs. Changes are made in memory; ext2disk_commit() writes them. */
#ifndef COMPILER_EXT2DISK_H
#define COMPILER_EXT2DISK_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"
#include "ext2disk_io.h"

#define EXT2DISK_TARGET_MAX 4096 /* of a symlink, with its NUL */

struct ext2disk {
	struct ext2disk_io io;
	ext2_filsys fs;
	const char *name;	     /* what messages call it */
	char unclean[EXT2DISK_UNIT]; /* its superblock while it is being changed */
};

/* Opens what lies at the offset of fd, which must stay open. Fails where it is no such
 * file system, was not left clean or has features that reading it, or with `writable`
 * changing it, would take more for. ext2disk_close() in any case. */
int ext2disk_open(struct ext2disk *x, int fd, const char *name, uint64_t offset,
	uint64_t size, int writable, struct diag *d);
void ext2disk_close(struct ext2disk *x);
/* Writes what was changed, and syncs. 0 or -1. */
int ext2disk_commit(struct ext2disk *x, struct diag *d);

/* "NAME: PATH: what libext2fs says". Returns -1. */
int ext2disk_fail(
	const struct ext2disk *x, const char *path, errcode_t failure, struct diag *d);

/* Reads an inode with its large fields; those that it does not have are 0. */
int ext2disk_read_inode(struct ext2disk *x, ext2_ino_t ino, const char *path,
	struct ext2_inode_large *inode, struct diag *d);

/* Looks up a name in a folder. 1, 0 where it is not there, or -1. */
int ext2disk_lookup(struct ext2disk *x, ext2_ino_t folder, const char *name,
	const char *path, ext2_ino_t *ino, struct diag *d);
/* The inode that a path leads to; links are followed in the file system's own root, the
 * last one only with `follow`. 1, 0 where there is nothing, or -1. */
int ext2disk_find(struct ext2disk *x, const char *path, int follow, ext2_ino_t *ino,
	struct diag *d);
/* A symlink's target. */
int ext2disk_read_target(struct ext2disk *x, ext2_ino_t ino, const char *path,
	char target[EXT2DISK_TARGET_MAX], struct diag *d);

struct ext2disk_entry {
	const char *name; /* any bytes but NUL and '/', never "." or ".." */
	ext2_ino_t ino;
};

#define EXT2DISK_ENTRIES_MAX 10000000

/* A folder's entries, sorted by bytes, in the arena. Where some are not in the list, for
 * they come after a damaged block or their names are none, -1 with messages; 1 with one
 * where it is only full. */
int ext2disk_list(struct ext2disk *x, ext2_ino_t folder, const char *path,
	struct arena *a, struct ext2disk_entry **list, size_t *count, struct diag *d);

/* Calls visit for every run of blocks that a file has, in order, except those that were
 * never written; blocks are the file system's, within it. Stops where visit does not
 * return 0, and returns that; -1 with a message where the file is damaged. */
int ext2disk_runs(struct ext2disk *x, ext2_ino_t ino, const char *path,
	int (*visit)(void *context, uint64_t logical, uint64_t physical, uint64_t count),
	void *context, struct diag *d);

/* The times of an inode: seconds and nanoseconds. */
struct timespec ext2disk_mtime(const struct ext2_inode_large *inode);
/* Sets one of them; an inode of 128 bytes has no place for *extra. */
void ext2disk_set_time(__u32 *seconds, __u32 *extra, int64_t s, uint32_t ns);

#endif
