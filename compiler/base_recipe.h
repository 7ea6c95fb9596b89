/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base_recipe: what a unit calls its base -> the plan of that base. Names are recipes in
 * the folder `recipes` beside the program ($WUC_RECIPES names another). */
#ifndef COMPILER_BASE_RECIPE_H
#define COMPILER_BASE_RECIPE_H

#include "common/diag.h"
#include "plan.h"
#include "recipe.h"

/* Loads the base's recipe into *holder where it has one of its own; recipe_clear(holder)
 * is due in any case. relative paths start beside the file `beside`, or from
 * here where it is NULL. NULL with a message. */
const struct base_plan *base_recipe_find(const struct base_reference *reference,
	const char *beside, const struct recipe_options *o, struct recipe *holder,
	struct diag *d);

/* The folder of the plan's recipe, absolute, links resolved, in a. NULL with a message.
 */
const char *base_recipe_folder(
	const struct base_plan *plan, struct arena *a, struct diag *d);

/* The path of a base recipe by name ("mini"); the caller frees. NULL with a message that
 * names the nearest known one. p may be NULL. */
char *base_recipe_path(const char *name, const struct place *p, struct diag *d);

#endif
