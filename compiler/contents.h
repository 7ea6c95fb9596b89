/* SPDX-License-Identifier: GPL-2.0-or-later */
/* contents: what `root` names -> folders and archives, one on top of the other. */
#ifndef COMPILER_CONTENTS_H
#define COMPILER_CONTENTS_H

#include "plan.h"
#include "scan.h"

struct contents {
	struct items items;   /* told apart, with what is kept of each */
	const char **folders; /* those that patterns were looked up in */
	size_t folder_count;
};

/* Looks at each on the host. A pattern that matches archives becomes an item for each
 * match. All lives in a. 0, or -1 with the first that is neither. */
int contents_describe(struct contents *c, const struct items *given,
	const struct scan_options *o, struct arena *a, struct diag *d);

#endif
