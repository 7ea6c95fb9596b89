/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trail: where a request is in a tree of files, and what went wrong there first. */
#ifndef GUEST_TRAIL_H
#define GUEST_TRAIL_H

#include "text.h"

struct trail {
	char path_bytes[400], problem_bytes[512];
	struct text path;
	struct text problem; /* "PATH: WHY", or empty */
};

void trail_begin(struct trail *t);

/* Goes to a name in the path, or, where that is empty, to a path. Returns what
 * trail_leave() wants. */
size_t trail_enter(struct trail *t, const char *name);
void trail_leave(struct trail *t, size_t size);

/* What is wrong where the trail is. */
void trail_note(struct trail *t, const char *why);

#endif
