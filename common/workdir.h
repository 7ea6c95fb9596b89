/* SPDX-License-Identifier: GPL-2.0-or-later */
/* workdir: a folder in which one process makes something, beside the place where it will
 * stand. Its lock tells the folders of the living from those that the dead left behind.
 */
#ifndef COMMON_WORKDIR_H
#define COMMON_WORKDIR_H

#include <stddef.h>
#include <sys/types.h>

#include "diag.h"

struct workdir {
	int parent; /* borrowed: the folder that holds it */
	int fd;	    /* the folder itself, locked; -1: none */
	char *name; /* "PREFIXxxxxxx" in parent */
};

#define WORKDIR_NONE ((struct workdir){.parent = -1, .fd = -1})

/* Removes what dead processes left in the parent with this prefix (not empty). */
void workdir_remove_abandoned(int parent, const char *prefix);
/* The same for the one of that name. */
void workdir_remove_if_abandoned(int parent, const char *name);
/* 1 where a process that lives holds it. */
int workdir_is_held(int parent, const char *name);
/* Makes one, mode 0777 and the umask. First removes what dead processes left. The parent
 * must stay open. 0 or -1. */
int workdir_make(struct workdir *w, int parent, const char *prefix, struct diag *d);
/* The same without removing anything: the parent, which may be large, is not read. */
int workdir_make_only(struct workdir *w, int parent, const char *prefix, struct diag *d);
/* Removes it with all it holds, if it is still there under its name. */
void workdir_drop(struct workdir *w);
/* Is in the names of the folders of workdir_replace_file(), which start with a dot. */
#define WORKDIR_NEW ".new-"
/* Makes a file with these bytes and this mode in such a folder and renames it into its
 * place: a reader sees the old file or the new one, also after the host died. Leaves one
 * alone that holds these bytes already. 0 or -1. */
int workdir_replace_file(int dirfd, const char *path, const void *bytes, size_t size,
	mode_t mode, struct diag *d);
/* Removes what dead processes left of that; it does so itself. */
void workdir_mend_file(int dirfd, const char *path);
/* Closes it; what was made in it has been moved away, or it has itself. */
void workdir_close(struct workdir *w);

#endif
