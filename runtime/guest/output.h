/* SPDX-License-Identifier: GPL-2.0-or-later */
/* output: the folder .wu on the output disk: what scripts write, and the record. Works by
 * descriptors from start to end: nothing that a script renames or links leads it astray.
 */
#ifndef GUEST_OUTPUT_H
#define GUEST_OUTPUT_H

#include <stddef.h>

#include "text.h"

#define OUTPUT_RECORD_BYTES 65536 /* the room that is set aside for the record */

enum output_stream { OUTPUT_STDOUT, OUTPUT_STDERR, OUTPUT_STREAMS };

struct output {
	int root, folder; /* -1 where the disk could not be used */
	int record;	  /* the record's temporary file */
	int streams[OUTPUT_STREAMS];
	int lost_errno; /* why the first byte of a stream could not be kept, or 0 */
	int is_staged;
};

void output_init(struct output *o);

/* Makes .wu below the mounted disk and sets the record's room aside. Returns 0, or -1
 * with a problem in one line; where root is open then, a record may still be tried. */
int output_open(struct output *o, const char *mounted, struct text *problem);

/* Keeps what a script wrote. The first failure is remembered and the rest passed over. */
void output_keep(struct output *o, enum output_stream s, const char *bytes, size_t size);

/* 1 where the disk has no room left for the files of a script. */
int output_is_full(const struct output *o, int as_root);

/* Writes the record under its temporary name, in place of one written before. */
int output_stage_record(struct output *o, const char *bytes, size_t size);

/* Writes everything on the disk back. Returns 0, or -1 with errno where data was lost. */
int output_sync(const struct output *o);

/* Makes the staged record the record. Returns 0, or -1 with errno. */
int output_commit_record(const struct output *o);

void output_close(struct output *o);

#endif
