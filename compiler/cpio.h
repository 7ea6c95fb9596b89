/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpio: a finished tree -> an initrd for Linux: a cpio archive ("newc"), not compressed,
 * owner root. The same tree gives the same bytes. */
#ifndef COMPILER_CPIO_H
#define COMPILER_CPIO_H

#include "common/diag.h"
#include "tree.h"

#define CPIO_WRITER_VERSION 1 /* raise it with any change of the bytes written */

/* Makes dirfd/path, which must not exist, mode 0444, synced. A failed one is removed. */
int cpio_write(int dirfd, const char *path, struct tree *t, struct diag *d);

#endif
