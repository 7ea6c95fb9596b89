/* SPDX-License-Identifier: GPL-2.0-or-later */
/* launch: one script becomes a process. */
#ifndef GUEST_LAUNCH_H
#define GUEST_LAUNCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define USER_GROUPS 64

struct user {
	uint32_t id, group;
	uint32_t groups[USER_GROUPS]; /* supplementary ones */
	size_t group_count;
};

/* What all scripts of a unit have in common. */
struct manner {
	uint64_t time_ms; /* the limit on all of them together; 0: none */
	const struct user *user;
	const char *folder;
	char *const *environment;
};

struct launch {
	const char *path;
	char *const *argv; /* NULL: the path alone; else the path is looked for in PATH */
	char *const *environment;
	const char *folder;
	const struct user *user;
	int out, err; /* what its standard output and error become */
};

/* Starts it, in a session of its own; without the means to gain privileges unless the
 * user is root. Returns its process id; where the program itself cannot be executed,
 * *error says why and the process ends with status 126. Returns -1 with errno where there
 * is no process. */
pid_t launch_script(const struct launch *l, int *error);

#endif
