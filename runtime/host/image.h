/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image: a disk that a guest may have written anything to. The filesystem with the output
 * is opened read only by libext2fs, after its superblock was checked: on an output disk
 * against what the compiler writes; in a disk with a system of its own it may be any
 * ext2, ext3 or ext4 that was left clean. */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

#include "common/diag.h"

#define IMAGE_BLOCK_BYTES 4096 /* at most; of an output disk always */

/* Where in a disk's image the output is. */
struct image_place {
	uint64_t offset, size_bytes; /* of the filesystem */
	const char *folder; /* in it, absolute; NULL: it is an output disk, all of it */
	int pristine;	    /* an output disk whose geometry it must share, or -1 */
};

/* Checks the superblock: features, sizes, and an output disk's label; else that it was
 * left clean. Returns 0, or -1 with what is wrong. */
int image_check(int fd, const struct image_place *p, struct diag *d);

/* Opens the filesystem; fd stays the caller's and must stay open. Nothing outside of the
 * place is read. NULL with a message. */
ext2_filsys image_open(int fd, const struct image_place *p, struct diag *d);

/* The inode of the place's folder; 0 with a message. */
ext2_ino_t image_find_folder(ext2_filsys fs, const struct image_place *p, struct diag *d);

#endif
