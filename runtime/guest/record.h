/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record: how the run went, and its JSON for .wu/result.json. */
#ifndef GUEST_RECORD_H
#define GUEST_RECORD_H

#include <stdint.h>

#include "folder.h"
#include "output.h"
#include "text.h"

/* How one script went. */
struct result {
	char name[FOLDER_NAME];
	int exit_status; /* -1 where a signal ended it */
	int signal;	 /* 0 where none did */
	uint64_t wall_ms, cpu_ms, peak_bytes;
};

struct record {
	const char *class;
	char reason_bytes[512];
	struct text reason;
	char failed[FOLDER_NAME]; /* the script that failed, or "" */
	int ran;		  /* a script ran: `last` and the totals hold something */
	struct result last;
	uint64_t wall_ms, cpu_ms, peak_bytes;
	uint64_t omitted; /* scripts that ran and had no room in the record */
	char script_bytes[OUTPUT_RECORD_BYTES - 8192];
	struct text scripts; /* one JSON object after the other */
};

/* An empty record of class ok. */
void record_init(struct record *r);

/* Adds a script that ran; class and reason are the caller's. */
void record_add(struct record *r, const struct result *script);

/* Gives the class and adds the start of a reason; the caller may go on with r->reason. */
void record_fail(struct record *r, const char *class, const char *script);

/* The JSON and a newline. */
void record_format(const struct record *r, struct text *json);

#endif
