/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack: an output disk -> a folder, by a child in the jail. The child is believed no
 * more than the image: what it reports is checked and limited. */
#ifndef HOST_UNPACK_H
#define HOST_UNPACK_H

#include <jansson.h>
#include <sys/types.h>

#include "common/diag.h"
#include "common/memory.h"
#include "extract.h"
#include "image.h"

struct unpack {
	pid_t pid;
	int pidfd;
	int socket; /* the child's report, to read; does not block */
	struct buffer report;
	size_t parsed;
	struct extract_totals totals;
	json_t *skipped, *damaged, *limited; /* arrays of "path: what"; owned */
	uint64_t skipped_count, damaged_count, limited_count;
	char *host_failure; /* this side's, or NULL */
	int complete;	    /* the child went through the whole disk */
	int flooded;	    /* it said more than it may */
	int is_no_disk; /* what was asked for cannot be opened: nothing was extracted */
};

/* Starts the child, which extracts what is in that place of the image into the folder
 * dest. Returns 0 or -1. */
int unpack_start(struct unpack *u, int image, const struct image_place *p, int dest,
	struct diag *d);
/* Reads what the child has said. Returns 1 where there may be more, 0 once it has said
 * everything (or died). */
int unpack_read(struct unpack *u);
/* Tells the child, which holds nothing of the image any more, to write all to the disk.
 */
void unpack_sync(struct unpack *u);
/* Takes the child's status once its pidfd is readable. Returns 0 where its bytes are on
 * the disk. */
int unpack_reap(struct unpack *u);
void unpack_kill(const struct unpack *u);
void unpack_clear(struct unpack *u);

/* The first thing that was damaged, or over a limit, or a word on how the child ended;
 * NULL where all went well. The caller frees. */
char *unpack_describe_loss(const struct unpack *u);

/* {"files", "folders", "links", "bytes", "skipped": […], "damaged": […],
 * "limited": […]}. */
json_t *unpack_summarize(const struct unpack *u);

#endif
