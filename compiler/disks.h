/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disks: the disks of the user's units, by the key of all that decides their bytes: units
 * that need the same one share it by hard links, on one filesystem. A store that cannot
 * be used is no error: it has nothing and keeps nothing. */
#ifndef COMPILER_DISKS_H
#define COMPILER_DISKS_H

#include "manifest.h"

struct disks {
	int fd; /* the store's folder, or -1 */
};

/* Opens the store, and removes the disks that no unit has any more. disks_close() is due.
 */
void disks_open(struct disks *s);
void disks_close(struct disks *s);

/* Makes dirfd/path (replacing what is there) the stored disk with this key, and sets size
 * and digest. 1, or 0 where there is none, it was touched since it was stored, another
 * version of the program made it, or links cannot be made; then nothing changed. */
int disks_link(struct disks *s, struct artifact *a, int dirfd, const char *path);

/* Stores dirfd/path, which must be synced, under its key, in the place of any other. */
void disks_keep(struct disks *s, const struct artifact *a, int dirfd, const char *path);

#endif
