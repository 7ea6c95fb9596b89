/* SPDX-License-Identifier: GPL-2.0-or-later */
/* get_out: a new file of the host. A large one has its name only once it is whole, where
 * the host knows files without one; a small one is not ended by Ctrl-C. So nobody takes
 * half of it for all. */
#ifndef COMPILER_GET_OUT_H
#define COMPILER_GET_OUT_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct get_out {
	int fd, folder;
	const char *name; /* in the folder; both are borrowed */
	int stays;	  /* it is not to be removed: whole, or without a name */
	int defers;	  /* signals wait until it is closed */
	sigset_t before;
};

/* 1 where files may be made without a name, as far as can be told beforehand. */
int get_out_may_be_nameless(void);
/* Opens it for so many bytes; the name must be free. *nameless becomes 0 where the host
 * turns out to know no such file. 0, then get_out_close() is due, or -1 with errno set.
 */
int get_out_open(struct get_out *o, int folder, const char *name, mode_t mode,
	uint64_t size, int *nameless);
/* It is whole. 0, or -1 with errno set. */
int get_out_keep(struct get_out *o);
/* Closes it; what was not kept is gone. 0, or -1 with errno set. */
int get_out_close(struct get_out *o);

#endif
