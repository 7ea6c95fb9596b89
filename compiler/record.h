/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record: base.json, which says what a base is and whose SHA-256 is the base's name. */
#ifndef COMPILER_RECORD_H
#define COMPILER_RECORD_H

#include "base.h"
#include "lock.h"
#include "store.h"

#define RECORD_NAME "base.json"
#define RECORD_VERSION 1

/* What goes into it. */
struct record_parts {
	const struct base_plan *plan; /* its name, description, append, epoch */
	const struct lock *locks;
	size_t lock_count;
	const struct base_file *files;
	size_t file_count;
	const char *const *command;
	size_t command_count;
	const struct base_disk *disk; /* or NULL */
};

/* Writes base.json into the folder, mode 0444, synced, and gives its digest. Refuses what
 * would be too large to be read. */
int record_write(int dirfd, const struct record_parts *parts, char digest[DIGEST_HEX],
	struct diag *d);

/* Reads bases/DIGEST of the store: its record must have that digest and its files their
 * sizes. Returns 1, 0 where there is none, or -1 with a message where it is damaged.
 * Strings live in a. */
int record_read(struct store *s, const char *digest, struct base *base, struct arena *a,
	struct diag *d);

#endif
