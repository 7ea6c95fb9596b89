/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overlay: what of a root disk's files the guest's own overlay, which lies on top of it,
 * would take as said to itself (the kernel's Documentation/filesystems/overlayfs.rst). */
#ifndef COMPILER_OVERLAY_H
#define COMPILER_OVERLAY_H

#include "tree.h"

/* An attribute by which an overlay tells itself what a file is. */
int overlay_owns(const char *xattr);

/* Takes these attributes from all nodes of a tree. */
void overlay_strip(struct tree *t);

/* Counts the character devices 0:0, which hide themselves; *first is the path of one, in
 * the arena. */
size_t overlay_find_whiteouts(struct tree *t, const char **first, struct arena *a);

#endif
