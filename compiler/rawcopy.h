/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rawcopy: a disk image of any format -> a raw one, which shares the blocks of the first
 * where the host can, and has its holes. */
#ifndef COMPILER_RAWCOPY_H
#define COMPILER_RAWCOPY_H

#include "common/diag.h"

/* Makes dirfd/file, which must not exist and whose name is plain, of the image at an
 * absolute path that diskformat_check() found well; `name` is what messages call it, and
 * its format is believed. A descriptor that reads and writes the copy, whose mode is
 * 0644, or -1: then there is none. */
int rawcopy_make(int dirfd, const char *file, const char *image, const char *name,
	const char *format, struct diag *d);

#endif
