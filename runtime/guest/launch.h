/* SPDX-License-Identifier: GPL-2.0-or-later */
/* launch: one script becomes a process. */
#ifndef GUEST_LAUNCH_H
#define GUEST_LAUNCH_H

#include <sys/types.h>

struct launch {
	const char *path;
	char *const *environment;
	int as_root;
	int out, err; /* what its standard output and error become */
};

/* Starts it, in a session of its own. Returns its process id; where the program itself
 * cannot be executed, *error says why and the process ends with status 126. Returns -1
 * with errno where there is no process. */
pid_t launch_script(const struct launch *l, int *error);

#endif
