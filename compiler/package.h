/* SPDX-License-Identifier: GPL-2.0-or-later */
/* package: what a Debian package holds, read in process: ar -> data.tar.{xz,zst,gz} ->
 * members, or control.tar. Nothing in it is run, nothing is written to the host. */
#ifndef COMPILER_PACKAGE_H
#define COMPILER_PACKAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "common/diag.h"
#include "common/memory.h"

enum member_type { MEMBER_FILE, MEMBER_FOLDER, MEMBER_SYMLINK, MEMBER_HARDLINK };

struct member {
	const char *path; /* "usr/bin/tool": no leading "./" or "/", no ".." */
	enum member_type type;
	mode_t mode;	    /* permission bits */
	uint64_t size;	    /* MEMBER_FILE */
	const char *target; /* links; a hard link's is a path as above */
};

struct package_reader; /* an open package, at one member */

/* Calls visit for each member, in the package's order, until it returns other than 0;
 * returns that, or -1 with a message where the package cannot be read. dirfd/path is the
 * file, `name` what messages call it. Device nodes and the like are left out. */
int package_walk(int dirfd, const char *path, const char *name,
	int (*visit)(const struct member *m, struct package_reader *r, void *context),
	void *context, struct diag *d);

/* Adds the package's control file, what dpkg knows of it, to b. */
int package_read_control(
	int dirfd, const char *path, const char *name, struct buffer *b, struct diag *d);

/* Inside visit: reads a file's bytes to the end of b. Fails where it is larger. */
int package_read(
	struct package_reader *r, size_t limit_bytes, struct buffer *b, struct diag *d);

#endif
