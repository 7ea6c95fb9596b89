/* SPDX-License-Identifier: GPL-2.0-or-later */
/* magic: what a disk image, or a partition of one, says that it is: by bytes that stand
 * at fixed places. Nothing is believed but the name. */
#ifndef COMPILER_MAGIC_H
#define COMPILER_MAGIC_H

#include <stddef.h>
#include <stdint.h>

/* "qcow2", "vmdk" … as `qemu-img convert -f` takes it for an image that is not raw, or
 * NULL for a raw one. 0, or -1 with errno set where it cannot be read. */
int magic_of_image(int fd, const char **format);

/* "an ext4 file system", "swap space" …, or NULL where nothing is known of what lies
 * there. */
const char *magic_of_contents(int fd, uint64_t offset, uint64_t size);

#endif
