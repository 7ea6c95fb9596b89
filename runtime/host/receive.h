/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive: files and folders that a guest sends (docs/guest.md) -> a folder of the host,
 * by names of one part under directory descriptors. No owners or set-id bits come out. */
#ifndef HOST_RECEIVE_H
#define HOST_RECEIVE_H

#include <stdint.h>
#include <sys/types.h>

#include "common/memory.h"
#include "control.h"

struct receive {
	int folders[WU_CONTROL_DEPTH + 1]; /* the first one is the caller's */
	int depth;
	struct buffer path; /* of the one that is open: "" or "a/b/" */
	int file;	    /* that is being written, or -1 */
	mode_t file_mode;
	uint64_t file_size, at;
	uint64_t bytes_left, entries_left; /* what it may still send */
	uint64_t files, bytes;		   /* what came */
	/* Hears of everything that is left out. */
	void (*skipped)(void *context, const char *path, const char *why);
	void *context;
};

/* Takes one message. 0, or -1 where it breaks the rules or this host failed. */
int receive_take(struct receive *r, const struct control_message *m, struct diag *d);
/* 1 where nothing is half done. */
int receive_is_whole(const struct receive *r);
/* Closes what is open, but the first folder. */
void receive_close(struct receive *r);

#endif
