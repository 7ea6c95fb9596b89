/* SPDX-License-Identifier: GPL-2.0-or-later */
/* known: what earlier builds of a unit learned of the host's files, in the user's cache:
 * a file whose device, inode, size and times are the same holds the same and need not be
 * read again. A cache that cannot be read, is damaged or another unit's knows nothing;
 * one that cannot be written is no error. */
#ifndef COMPILER_KNOWN_H
#define COMPILER_KNOWN_H

#include <time.h>

#include "common/memory.h"
#include "tree.h"

/* How much older than a scan a file's times have to be: a clock's tick, and what the
 * clocks of a file server may differ by. */
#define KNOWN_SETTLED_SECONDS 2

struct known {
	char *folder; /* of the cache; NULL: there is none */
	char *path;   /* the unit's file in it */
	char *unit;   /* absolute */
	char *bytes;  /* of that file as it was found, or NULL */
	size_t size;
	const struct known_record *records; /* in it, in the order of the tree */
	size_t count, next;
	uint32_t *
		index; /* 1 + a record's number, by device and inode; NULL until needed */
	size_t index_room;
};

/* Reads what is known for the unit of this path, whose folder need not be there.
 * known_close() is due. */
void known_open(struct known *k, const char *unit);
void known_close(struct known *k);

/* Marks the host files of a finished tree that are known as measured. */
void known_apply(struct known *k, struct tree *t);

/* Keeps what was measured, for files that were not touched shortly before `scanned`, the
 * moment before the scan began. Where the unit had no file of its own yet, the files of
 * units that are gone are removed. */
void known_save(struct known *k, struct tree *t, const struct timespec *scanned);

#endif
