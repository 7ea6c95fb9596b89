/* SPDX-License-Identifier: GPL-2.0-or-later */
/* results: the folder of a unit's results. Each instance runs in a hidden work folder of
 * its own beside them and becomes visible, complete, by one rename:
 *
 *     RESULTS/.work-ID-xxxxxxxx/{output.img, result/…}   ─rename▶   RESULTS/ID/…
 *
 * With a scratch folder, disk and result are made there, in a work folder of the same
 * kind; the one in RESULTS has only what tells of the run, and at the end the result's
 * copy.
 */
#ifndef HOST_RESULTS_H
#define HOST_RESULTS_H

#include <jansson.h>

#include "common/diag.h"
#include "common/workdir.h"
#include "journal.h"
#include "manifest.h"
#include "transfer.h"

#define RESULTS_FILE "result.json"
#define RESULTS_WORK_PREFIX ".work-"
#define RESULTS_UNIT ".unit.json"

struct results {
	int fd;
	char *path;
	int scratch; /* the folder for work folders, or -1 */
	struct journal journal;
};

#define RESULTS_NONE ((struct results){.fd = -1, .scratch = -1, .journal = JOURNAL_NONE})

struct work {
	struct workdir folder; /* locked while it is in use */
	struct workdir remote; /* the one in RESULTS, where the other is in a scratch */
	int result;	       /* folder's own folder "result" */
	struct transfer transfer;
};

#define WORK_NONE                                                                        \
	((struct work){.folder = {.parent = -1, .fd = -1},                               \
		.remote = {.parent = -1, .fd = -1},                                      \
		.result = -1,                                                            \
		.transfer = {0, -1}})

/* Opens the folder to read it. Returns 0 or -1. */
int results_open(const char *path, struct results *r, struct diag *d);
/* Makes the folder, where it is to be made, and removes what runs that died left there;
 * scratch may be NULL. Returns 0 or -1. */
int results_open_to_run(
	const char *path, const char *scratch, struct results *r, struct diag *d);
/* Leaves a copy of the manifest of the unit that is open there: who looks at the results
 * need not have the unit to know the sweep. Returns 0 or -1. */
int results_leave_manifest(const struct results *r, int unit, struct diag *d);
void results_close(struct results *r);

/* The result.json of an instance, checked for what wurun needs of it (class, key, id), or
 * NULL where there is none or it makes no sense. New reference. */
json_t *results_load(const struct results *r, const char *id);
/* What is known of an instance that has a result, or NULL: the journal's word, as long as
 * it is about the folder that is there. */
const struct journal_entry *results_find(struct results *r, const char *id);

/* The names in the folder that are ids, or those of work folders; sorted, to be freed by
 * results_free_names(). Returns 0 or -1. */
struct results_names {
	char **list;
	size_t count;
};
int results_list(const struct results *r, struct results_names *n, struct diag *d);
int results_list_work(const struct results *r, struct results_names *n, struct diag *d);
void results_free_names(struct results_names *n);
int results_is_id(const char *name);
/* The id in a work folder's name; -1 where there is none. */
int results_get_work_id(const char *name, char id[WU_ID_DIGITS + 1]);
/* 1 where the process lives, here or on another host, that has this work folder. */
int results_is_alive(const struct results *r, const char *work);

/* Makes the work folder. */
int results_begin(
	const struct results *r, const char *id, struct work *w, struct diag *d);
/* The folder in RESULTS that tells of the run. */
int results_live_folder(const struct work *w);
/* Starts copying the result, where it was made in a scratch folder. Returns 1 where there
 * is something to wait for (w->transfer), 0 or -1. */
int results_send(struct work *w, struct diag *d);
/* Makes the work's result the instance's, in place of an older one, notes it in the
 * journal and removes the work folder. The bytes must be on the disk already. Returns 0
 * or -1. */
int results_commit(struct results *r, const char *id, struct work *w,
	const json_t *result, struct diag *d);
/* Removes the work folder and what is in it. */
void results_abandon(struct work *w);

/* 1 where this is the instance's result still: of the same bytes, not the host's failure,
 * and no limit that ran out where another one counts now. */
int results_is_current(const struct journal_entry *e, const struct manifest *m,
	const struct manifest_instance *i, uint64_t time_ms);

#endif
