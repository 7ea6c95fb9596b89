/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_files: what a walk has to ask of each regular file, asked by several threads, and
 * settled in the tree's order: the outcome is the same for any number of threads.
 *
 *     the walk: lists folders, makes nodes ─▶ stretches of files ─▶ threads: stat, xattrs
 *     afterwards, in order: messages, and files that have several names
 */
#ifndef COMPILER_HOST_FILES_H
#define COMPILER_HOST_FILES_H

#include <stdatomic.h>

#include "host.h"
#include "threads.h"

/* An open folder of the host and what it becomes. The walk and every stretch of its files
 * hold it; the last that drops it closes it. */
struct walked {
	int fd;
	atomic_uint holders;
	const struct host_folder *folder; /* NULL until a file needs it */
	const char *real, *host, *shown;
	struct stat st;
	struct node *node;
	size_t left;		 /* names in it that the walk has not come to */
	struct stretch *stretch; /* the files that no thread has got yet, or NULL */
	struct arena arena;
};

/* What is left to do for an entry, as messages or as a file with several names. */
struct note {
	uint64_t order;
	struct node *twin;
	struct diag *messages;
};

struct notes {
	struct note *list;
	size_t count, room;
};

/* The host's `files` while a walk is on its way. */
struct host_files {
	struct host *host;
	struct diag *diag;    /* the host's; its messages go to `messages` meanwhile */
	struct diag messages; /* of the entry that the walk is at */
	uint64_t order;	      /* and its number */
	size_t asked;	      /* files so far */
	struct threads threads;
	int alone; /* there are no threads to start, or they are there already */
	struct arena found;
	struct notes notes;
	pthread_mutex_t
		lock; /* what follows, and the notes and arenas of other threads */
	pthread_cond_t more, idle;
	struct stretch *first, **end; /* those that wait */
	size_t waiting, busy, sleeping;
	int ended;
	struct arena others_found;
	struct notes others_notes;
};

void host_files_open(struct host_files *q, struct host *h);
/* The walk comes to its next entry; messages of h->diag belong to it. */
void host_files_begin_entry(struct host_files *q);
/* The entry is a regular file: asks about it and fills its node and `file`, before
 * host_files_close() returns. */
void host_files_add(
	struct host_files *q, struct walked *w, struct node *n, struct host_file *file);
/* The folder has no more entries. */
void host_files_end_folder(struct host_files *q, struct walked *w);
/* Where errno says that descriptors are short: waits until those of all folders that the
 * walk has left are closed. 1 where it did. */
int host_files_free_descriptors(struct host_files *q);
/* Waits for all answers and settles them. 0, or -1 with messages, the walk's among them.
 */
int host_files_close(struct host_files *q);

/* A folder with one holder, to be opened. */
struct walked *host_walked_new(void);
void host_walked_drop(struct walked *w);

#endif
