/* SPDX-License-Identifier: GPL-2.0-or-later */
/* results: the folder of a unit's results. Each instance runs in a hidden work folder of
 * its own beside them and becomes visible, complete, by one rename:
 *
 *     RESULTS/.work-ID-xxxxxxxx/{output.img, result/…}   ─rename▶   RESULTS/ID/…
 */
#ifndef HOST_RESULTS_H
#define HOST_RESULTS_H

#include <jansson.h>

#include "common/diag.h"
#include "common/workdir.h"

#define RESULTS_FILE "result.json"
#define RESULTS_WORK_PREFIX ".work-"

struct results {
	int fd;
	char *path;
};

struct work {
	struct workdir folder; /* locked while it is in use */
	int result;	       /* its folder "result" */
};

#define WORK_NONE ((struct work){.folder = {.parent = -1, .fd = -1}, .result = -1})

/* Makes the folder, where it is to be made, and removes what runs that died left there.
 * Returns 0 or -1. */
int results_open(const char *path, int make, struct results *r, struct diag *d);
void results_close(struct results *r);

/* The result.json of an instance, checked for what wurun needs of it (class, key, id), or
 * NULL where there is none or it makes no sense. New reference. */
json_t *results_load(const struct results *r, const char *id);

/* Makes the work folder. */
int results_begin(
	const struct results *r, const char *id, struct work *w, struct diag *d);
/* Makes the work's result the instance's, in place of an older one, and removes the work
 * folder. The bytes must be on the disk already. Returns 0 or -1. */
int results_commit(
	const struct results *r, const char *id, struct work *w, struct diag *d);
/* Removes the work folder and what is in it. */
void results_abandon(struct work *w);

#endif
