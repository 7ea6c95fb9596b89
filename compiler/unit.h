/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit: a plan -> the unit's folder. What is there already and would come out the same is
 * kept; the rest is made in a temporary sibling folder, synced and exchanged for the old
 * unit, so that an interrupted build leaves the old unit or none. */
#ifndef COMPILER_UNIT_H
#define COMPILER_UNIT_H

#include <stddef.h>

#include "base.h"
#include "common/diag.h"
#include "plan.h"
#include "scan.h"

struct unit_options {
	struct timespec started; /* before anything was looked at; the new unit.json is as
				    old as this: see make(1) */
	int make_all;		 /* keep nothing of an old unit, however whole it looks */
	int dry_run;		 /* decide everything, write nothing */
	int tell_inputs;	 /* list them in the report */
	struct scan_options scan;
};

struct unit_report {
	struct buffer reasons; /* a line for each thing that has to be made, and why */
	size_t made, kept;     /* files of the unit */
	const char **inputs;   /* host paths that decided, sorted; in the arena */
	size_t input_count;
	struct arena arena;
};

/* Builds folder `path` (its parents are made). base is in the store, or its folder is
 * NULL in a dry run. unit_report_clear() is due in any case. 0 or -1. */
int unit_build(const struct plan *plan, const char *recipe_sha256,
	const struct base *base, const char *path, const struct unit_options *o,
	struct unit_report *report, struct diag *d);
/* Fails where the layout does not go with the kind of base. */
int unit_check_layout(const struct plan *plan, int base_is_disk, struct diag *d);
void unit_report_clear(struct unit_report *report);

#endif
