/* SPDX-License-Identifier: GPL-2.0-or-later */
/* survey: how a folder of results stands at this moment, whoever works on it and from
 * whatever host. It only reads. */
#ifndef HOST_SURVEY_H
#define HOST_SURVEY_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "manifest.h"
#include "results.h"

#define SURVEY_CLASSES 16

/* An instance that a living process has; the texts may be shown on a terminal. */
struct survey_live {
	char id[WU_ID_DIGITS + 1];
	json_t *status; /* status.json, checked; an empty object where there is none yet
			 */
	double age_s;	/* since its start */
	double heard_s; /* since the agent last spoke; below 0: it has not yet */
	int is_silent;
};

struct survey {
	struct manifest manifest; /* the sweep's; without instances where it is unknown */
	size_t total;		  /* instances in the sweep */
	size_t finished;	  /* have their result */
	size_t to_do;		  /* neither that nor running */
	size_t counts[SURVEY_CLASSES]; /* of the finished, in classify_get()'s order */
	struct survey_live *live;
	size_t live_count;
	double rate;	/* instances a second lately; 0: unknown */
	int64_t *ended; /* when each ended, in no order */
	size_t ended_count;
};

/* Returns 0 or -1. */
int survey_make(struct results *r, struct survey *s, struct diag *d);
void survey_clear(struct survey *s);

/* The manifest that the last run left in the folder; -1 (and no message) where there is
 * none. */
int survey_load_manifest(const struct results *r, struct manifest *m);

/* How long the rest takes at this rate, in seconds; below 0: unknown. */
double survey_estimate_left(const struct survey *s);
json_t *survey_format(const struct survey *s);

#endif
