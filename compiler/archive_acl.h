/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_acl: a member's POSIX access control lists -> the bytes in which system calls
 * take them (version 2 of the extended attributes system.posix_acl_*). */
#ifndef COMPILER_ARCHIVE_ACL_H
#define COMPILER_ARCHIVE_ACL_H

#include <archive_entry.h>

#include "common/memory.h"
#include "plan.h"

/* Makes the attribute of ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT, in the arena. 1:
 * there is one; 0: there is none; -1: none that a file system could hold, with why. */
int archive_acl_read(struct archive_entry *e, int type, struct arena *a, struct xattr *x,
	const char **why);

/* The member's permission bits. libarchive makes those of the group what the list says of
 * the owning group; in a file system they are the list's mask. */
mode_t archive_acl_mode(struct archive_entry *e);

#endif
