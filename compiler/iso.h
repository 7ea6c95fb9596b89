/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iso: a few small files in memory -> an ISO 9660 image with Rock Ridge, by libisofs, as
 * small as the format allows. The same files and options give the same bytes. */
#ifndef COMPILER_ISO_H
#define COMPILER_ISO_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"

#define ISO_WRITER_VERSION 1 /* raise it with any change of the bytes written */

struct iso_file {
	const char *name;
	const void *bytes;
	size_t size;
	int executable; /* else it can only be read */
};

struct iso_writer; /* libisofs' state, reused from image to image */

/* One writer serves any number of images, one after the other. NULL with a message. */
struct iso_writer *iso_open(const char *volume, int64_t epoch, struct diag *d);
void iso_close(struct iso_writer *w);

/* Makes dirfd/path, which must not exist, mode 0644; sectors of zeros are holes. Gives
 * the image's size and digest. */
int iso_write(struct iso_writer *w, int dirfd, const char *path,
	const struct iso_file *files, size_t count, char sha256[65], uint64_t *size_bytes,
	struct diag *d);

#endif
