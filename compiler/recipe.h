/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recipe: a recipe's file -> its plan. Lua is opened and closed in here. */
#ifndef COMPILER_RECIPE_H
#define COMPILER_RECIPE_H

#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"
#include "plan.h"

/* `--set name=value` or `--only name=value`. */
struct recipe_choice {
	const char *option; /* "set" or "only" */
	const char *name, *value;
};

struct recipe_options {
	const struct recipe_choice *choices;
	size_t choice_count;
	int64_t epoch; /* SOURCE_DATE_EPOCH, or -1 */
	const char *const
		*allowed; /* absolute folders that the recipe may read besides its own */
	size_t allowed_count;
};

struct recipe {
	struct arena arena;
	struct plan *unit;	 /* unit{…}, or NULL */
	struct base_plan *base;	 /* base{…}, or NULL */
	char sha256[DIGEST_HEX]; /* of the recipe's own text */
	const char **inputs;	 /* files read: the recipe, includes, CSVs */
	size_t input_count;
	struct buffer notes; /* what the recipe printed */
};

/* Runs the recipe at path. Every mistake found adds its line to d. 0 or -1;
 * recipe_clear() is due in both cases. */
int recipe_load(struct recipe *r, const char *path, const struct recipe_options *o,
	struct diag *d);
void recipe_clear(struct recipe *r);

#endif
