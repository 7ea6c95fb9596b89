/* SPDX-License-Identifier: GPL-2.0-or-later */
/* submit_sent: the job arrays that earlier submits made of a folder, so that what is
 * still queued or running is not sent twice. */
#ifndef HOST_SUBMIT_SENT_H
#define HOST_SUBMIT_SENT_H

#include "common/diag.h"
#include "submit.h"

struct submit_sent_item {
	char id[WU_ID_DIGITS + 1];
	size_t task;
	int underway;
};

struct submit_sent_array {
	char *name; /* of the job and of the folder */
	struct submit_sent_item *items;
	size_t count;
};

struct submit_sent {
	struct submit_sent_array *list;
	size_t count;
};

/* Reads the folders in RESULTS/.submit: which instances of the submission's list were
 * sent with which array; what makes no sense there is left out. Returns 0 or -1. */
int submit_sent_read(
	const struct submission *s, struct submit_sent *sent, struct diag *d);
void submit_sent_clear(struct submit_sent *sent);

/* The cluster knows a task of that name and number. */
void submit_sent_mark(struct submit_sent *sent, const char *name, size_t task);
/* Takes what was marked off the submission's list: it is underway. */
void submit_sent_drop(const struct submit_sent *sent, struct submission *s);

#endif
