/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child: processes that die with us. */
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include <sys/types.h>

#include "common/diag.h"

/* Forks. In the child (returns 0): it gets SIGKILL when we end, has a process group of
 * its own, default signals and none blocked. In the parent: the pid and *pidfd. -1 with a
 * message where it fails. */
pid_t child_fork(int *pidfd, struct diag *d);

/* Waits for the child and gives its status as wait(2) does. */
int child_reap(pid_t pid);

/* The program of that name, by PATH unless it is a path already, where it can be run;
 * NULL where there is none. The caller frees. */
char *child_find_program(const char *name);

/* Runs argv to its end and gives at most `limit` bytes of its standard output and error,
 * which the caller frees, and its status. Returns 0 or -1. */
int child_read_output(
	char *const *argv, size_t limit, char **output, int *status, struct diag *d);
/* The same in a folder. */
int child_read_output_in(int folder, char *const *argv, size_t limit, char **output,
	int *status, struct diag *d);

#endif
