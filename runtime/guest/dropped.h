/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dropped: a folder that is polled: each executable that appears there is launched, once,
 * by a process of its own beside all instances. */
#ifndef GUEST_DROPPED_H
#define GUEST_DROPPED_H

#include <sys/types.h>

#include "launch.h"
#include "parameters.h"

/* Starts the process; p is its own, for the environment. Returns its id, or 0 where it
 * could not be started: the console is told why. */
pid_t dropped_start(const char *folder, const struct user *user, struct parameters *p);

/* What is remembered of a file. */
struct dropped_file {
	uint64_t inode, size;
	int64_t seconds, nanoseconds; /* when its contents changed */
	uint64_t seen_ms;	      /* when it was seen first */
	int is_launched, is_there;
};

#define DROPPED_FILES 1024

struct dropped {
	const char *folder;
	const struct user *user;
	char *const *environment;
	int is_full;
	size_t count;
	struct dropped_file files[DROPPED_FILES];
};

/* Looks at the folder once, at this time. Returns how many were launched. */
int dropped_look(struct dropped *d, uint64_t now_ms);

#endif
