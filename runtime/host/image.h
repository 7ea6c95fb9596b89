/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image: an output disk that a guest may have written anything to, opened read only by
 * libext2fs after its superblock was checked against what the compiler writes. */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include <ext2fs/ext2fs.h>

#include "common/diag.h"

#define IMAGE_BLOCK_BYTES 4096

/* Checks the superblock: label, block size, features, sizes. `pristine` is the unit's
 * output.img, whose geometry it must share, or -1. Returns 0, or -1 with what is wrong.
 */
int image_check(int fd, int pristine, struct diag *d);

/* Opens the filesystem; fd stays the caller's and must stay open. NULL with a message. */
ext2_filsys image_open(int fd, struct diag *d);

#endif
