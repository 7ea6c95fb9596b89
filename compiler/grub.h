/* SPDX-License-Identifier: GPL-2.0-or-later */
/* grub: the boot loader of a disk with an MBR, from the host's GRUB 2 for PC firmware:
 * its boot sector, its core image for the gap before the first partition, and the modules
 * that this reads from the partition's file system, which must be ext2, ext3 or ext4. */
#ifndef COMPILER_GRUB_H
#define COMPILER_GRUB_H

#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "tree.h"

#define GRUB_FOLDER "/usr/lib/grub/i386-pc"

struct grub_module {
	const char *name;  /* "normal" */
	const char *bytes; /* NULL: in the core image */
	size_t size;
};

struct grub {
	const char *folder;
	char *boot_sector;
	struct buffer core; /* whole sectors */
	struct grub_module *modules;
	size_t module_count;
	char digest[DIGEST_HEX]; /* of all of these */
	struct arena arena;
};

/* Reads what is needed from the folder, GRUB_FOLDER or a like one; grub_close() in any
 * case. Where something is not there, -1 with a message that names the packages. */
int grub_open(struct grub *g, const char *folder, struct diag *d);
void grub_close(struct grub *g);

/* Checks the kernel's command line and adds the text of a grub.cfg which boots
 * /boot/kernel and /boot/initrd with it, at once; it talks on screen and serial port. */
int grub_render_config(struct buffer *b, const char *append, struct diag *d);

/* Adds /boot/grub to the tree of the first partition; grub and config must outlive it. */
int grub_place(const struct grub *g, struct tree *t, const struct buffer *config,
	struct diag *d);

/* Writes boot code and core image into a disk whose table is there already and whose
 * first partition begins at this sector; `name` is what messages call it. */
int grub_write(const struct grub *g, int fd, const char *name, uint64_t first_sector,
	struct diag *d);

#endif
