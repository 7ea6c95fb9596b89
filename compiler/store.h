/* SPDX-License-Identifier: GPL-2.0-or-later */
/* store: the user's cache of packages, layers and bases (base.h draws it). What has a
 * name in it is complete: everything is made in a folder of its own below tmp/ and
 * renamed. */
#ifndef COMPILER_STORE_H
#define COMPILER_STORE_H

#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "common/workdir.h"
#include "sweeper.h"

#define STORE_PREFIX "build-" /* of the folders in tmp/ */

struct store {
	char *path; /* absolute */
	int fd;	    /* the folder */
	int tmp;    /* its folder tmp */
	int lock;   /* held by the one process that fetches or builds, or -1 */
	struct sweeper sweeper; /* from the first folder in tmp/ on */
};

/* Opens it, made where there is none, and removes what dead processes left in tmp/. */
int store_open(struct store *s, struct diag *d);
void store_close(struct store *s);

/* Waits until no other process fetches or builds; store_close() ends it. Returns 1 where
 * somebody else has it and `wait` is 0. A filesystem without locks gives 0: the lock
 * saves work twice done, no more. */
int store_lock(struct store *s, int wait);

/* A folder in tmp/ that is this process's own; workdir_drop() ends it. Whatever ends this
 * process takes the folder away. */
int store_make_folder(struct store *s, struct workdir *w, struct diag *d);

/* Moves a file of the folder to its place in the store ("packages/….deb"), synced, mode
 * 0444. Replaces what is there. */
int store_keep_file(struct store *s, struct workdir *w, const char *name,
	const char *place, struct diag *d);
/* Moves the whole folder to its place ("bases/…"), its files synced. Where the place is
 * taken, what is there stays and this folder goes. */
int store_keep_folder(
	struct store *s, struct workdir *w, const char *place, struct diag *d);
/* Takes a broken entry away. */
int store_remove(struct store *s, const char *place, struct diag *d);

/* Notes, to the hour, that an entry is in use, for bases_collect(). Where that cannot be,
 * it is not. */
void store_touch(struct store *s, const char *place);

/* The digest that a key gave: 1 and the digest, or 0. */
int store_find_key(struct store *s, const char *key, char digest[DIGEST_HEX]);
int store_set_key(
	struct store *s, const char *key, const char digest[DIGEST_HEX], struct diag *d);

#endif
