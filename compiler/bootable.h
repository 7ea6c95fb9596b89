/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bootable: one disk that boots by itself, from any PC's firmware:
 *
 *     sector 0        GRUB's boot sector, the partition table (MBR)
 *     the gap         GRUB's core image
 *     1  wu-app       the app disk's tree, /boot with kernel, initrd and GRUB's modules
 *     2  wu-output    the output disk
 *     3  wu-root      the base's root disk, where it has one
 */
#ifndef COMPILER_BOOTABLE_H
#define COMPILER_BOOTABLE_H

#include <stdint.h>

#include "base.h"
#include "common/diag.h"
#include "common/digest.h"
#include "tree.h"
#include "whole_disk.h"

#define BOOTABLE_WRITER_VERSION 1 /* raise it with any change of the bytes written */
#define BOOTABLE_FIRST_SECTOR 2048

struct bootable {
	struct tree *tree; /* the app disk's, finished; has no "boot" */
	const struct base *base;
	const char *append; /* the kernel's command line, with the wu. arguments that the
			       unit gives; at the end it switches the machine off */
	uint64_t app_size_bytes;    /* of the first partition; 0: as small as holds it */
	uint64_t output_size_bytes; /* of the second */
	uint64_t first_sector;	    /* of the first; 0: BOOTABLE_FIRST_SECTOR */
	int64_t epoch;
};

/* The digest of what the host's GRUB brings to a disk: with the tree, the base and the
 * other fields it decides the disk's bytes. -1 where there is no GRUB, with a message
 * that names the packages. */
int bootable_digest_loader(char hex[DIGEST_HEX], struct diag *d);

/* Makes dirfd/file, which must not exist, a raw image, mode 0644. A failed one is
 * removed. Every file of the tree is measured afterwards; it is as it was else. Not
 * synced. */
int bootable_write(int dirfd, const char *file, const struct bootable *b,
	struct whole_disk *w, struct diag *d);

#endif
