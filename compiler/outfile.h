/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outfile: one file, made in a folder of its own beside its place, synced and renamed:
 * who looks sees the old file or the new one, whole. What the dead left is removed. */
#ifndef COMPILER_OUTFILE_H
#define COMPILER_OUTFILE_H

#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"
#include "common/workdir.h"

struct outfile {
	const char *path;    /* as the user named it */
	const char *folder;  /* that holds it, links resolved */
	const char *name;    /* in it, and while it is made, in work.fd */
	int parent;	     /* the folder, open */
	struct workdir work; /* once it was begun */
	uint64_t size_bytes; /* once it was published */
};

#define OUTFILE_NONE ((struct outfile){.parent = -1, .work = WORKDIR_NONE})

/* Finds the place; what is there must be a regular file, or a link to one, or nothing;
 * "-" is no place.
 * Strings live in a; path must too. 0 or -1; outfile_close() is due in any case. */
int outfile_open(struct outfile *f, const char *path, struct arena *a, struct diag *d);
/* Makes work.fd, in which the caller then makes `name`. */
int outfile_begin(struct outfile *f, struct diag *d);
/* The made file, its mode as the umask has it, takes its place. */
int outfile_publish(struct outfile *f, struct diag *d);
/* Removes what was begun and not published. */
void outfile_close(struct outfile *f);

#endif
