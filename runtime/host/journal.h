/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal: RESULTS/.journal, a line for each instance that finished, so that a run or a
 * look at thousands of results opens one file. It is a memory aid: result.json is the
 * authority, and a line counts only for the folder that it was written for. A line is the
 * CRC-32 of an object in 8 hex digits, a space and the object; one that is torn or
 * foreign counts as none. Its bytes far behind its end are the claims of those that run.
 */
#ifndef HOST_JOURNAL_H
#define HOST_JOURNAL_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/diag.h"
#include "common/digest.h"
#include "runtime/unit.h"

#define JOURNAL_FILE ".journal"

struct journal_entry {
	char id[WU_ID_DIGITS + 1];
	const char *class; /* a text of classify's */
	char *reason;
	char key[DIGEST_HEX];
	uint64_t folder;	 /* inode of the folder RESULTS/ID */
	int exit_status, signal; /* -1: null */
	uint64_t limit_ms, wall_ms, cpu_ms;
	int64_t ended; /* seconds since 1970 */
	int is_new;    /* it came after journal_mark() */
};

struct journal {
	int fd;	       /* -1: there is none, and nothing is remembered */
	void *entries; /* of tsearch(3), by id */
	off_t read;    /* so far */
	int torn;      /* the file's last line has no end */
	int is_marked;
};

#define JOURNAL_NONE ((struct journal){.fd = -1})

/* Opens and reads it; with `make` it is made where there is none, and lines can be added
 * and instances claimed. A folder that allows none has none: that is no error. */
void journal_open(int results, int make, struct journal *j);
void journal_close(struct journal *j);
/* Reads what others have added since. */
void journal_refresh(struct journal *j);
/* Entries that come from here on are new. */
void journal_mark(struct journal *j);
/* The newest entry of that id, or NULL. */
const struct journal_entry *journal_find(const struct journal *j, const char *id);
/* Remembers a result.json, whose folder has that inode. */
void journal_add(struct journal *j, const json_t *result, uint64_t folder, int64_t ended);
/* Forgets the entry: its folder is about to be replaced, or is gone. */
void journal_forget(struct journal *j, const char *id);

/* A claim is for one process, on any host that shares the folder; it ends with it.
 * Returns 1 where it is ours now (or where the filesystem has no locks), 0 where another
 * has it.
 */
int journal_claim(struct journal *j, const char *id);
void journal_release(struct journal *j, const char *id);
/* 1 where another process has claimed it. */
int journal_is_claimed(const struct journal *j, const char *id);

#endif
