/* SPDX-License-Identifier: GPL-2.0-or-later */
/* folder: names and small files read without a heap. */
#ifndef GUEST_FOLDER_H
#define GUEST_FOLDER_H

#include <stddef.h>
#include <sys/types.h>

#define FOLDER_NAME 256 /* a name with its NUL */

/* The first name, in the order of bytes, that comes after `after` ("" for the first of
 * all); . and .. are left out. Returns 1, 0 where there is none, or -1 with errno. */
int folder_next(int folder, const char *after, char name[FOLDER_NAME]);

/* Calls visit for every name but . and .., in the folder's own order, until it gives
 * something else than 0. Returns what it gave last, or -1 with errno. */
int folder_visit(int folder, int (*visit)(int folder, const char *name, void *context),
	void *context);

/* Reads a whole file and ends it with a NUL. Returns its size, or -1 with errno (EFBIG
 * where it does not fit). */
ssize_t folder_read_file(int folder, const char *path, char *bytes, size_t room);

#endif
