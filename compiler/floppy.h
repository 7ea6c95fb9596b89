/* SPDX-License-Identifier: GPL-2.0-or-later */
/* floppy: a few small files in memory -> the image of a floppy of 1.44 MB, FAT12 with
 * long names, for guests that read their parameters from one. The same files and options
 * give the same bytes. */
#ifndef COMPILER_FLOPPY_H
#define COMPILER_FLOPPY_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"
#include "iso.h"

#define FLOPPY_WRITER_VERSION 1 /* raise it with any change of the bytes written */
#define FLOPPY_BYTES ((size_t)1474560)

/* Makes dirfd/path, which must not exist, mode 0644, with holes. Names are of letters,
 * digits, -, _ and one dot; label: at most 11 capitals, digits and _. 0 or -1. */
int floppy_write(int dirfd, const char *path, const char *label, int64_t epoch,
	const struct iso_file *files, size_t count, char sha256[DIGEST_HEX],
	struct diag *d);

#endif
