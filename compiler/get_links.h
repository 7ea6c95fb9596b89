/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get_links: files of several names that have come out, by inode, so that they become
 * several names of one file again. */
#ifndef COMPILER_GET_LINKS_H
#define COMPILER_GET_LINKS_H

#include <stdint.h>

struct get_links {
	int top;     /* borrowed: the folder that all paths start from */
	void *known; /* tsearch */
};

/* Notes the path, below `top`, of the first name; but none that open(2) would not take:
 * each takes memory and, later, the time to walk it. */
void get_links_note(struct get_links *l, uint32_t ino, const char *path);
/* Gives an inode that was noted another name in the folder. 1; 0 where it is unknown or
 * the host cannot; -1 with errno set. */
int get_links_make(struct get_links *l, uint32_t ino, int folder, const char *name);
void get_links_clear(struct get_links *l);

#endif
