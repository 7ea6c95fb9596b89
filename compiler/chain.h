/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chain: a base and those that it goes on from (`from`), loaded and in the order in which
 * they come to be: mini, debian, debian-python. What names no kernel goes on from mini.
 */
#ifndef COMPILER_CHAIN_H
#define COMPILER_CHAIN_H

#include <stddef.h>

#include "common/diag.h"
#include "common/memory.h"
#include "plan.h"
#include "recipe.h"

struct chain {
	const struct base_plan *const *plans; /* the last is the base itself */
	size_t count;
	size_t kernel; /* the plan whose kernel is taken */
	size_t root;   /* the first plan with a root disk, or count */
	/* What the guest boots: the kernel and append, and the modules and drivers that
	 * this plan and those after it name; else as the base itself. */
	struct base_plan boot;
	const char **inputs; /* the recipes' files, and what they include */
	size_t input_count;
	struct recipe *recipes; /* what the plans live in */
	size_t recipe_count;
	struct arena arena;
};

/* Loads the base that a unit (or a command line: beside NULL) calls by `reference`, with
 * all below it. chain_clear() is due in any case. 0 or -1. */
int chain_load(struct chain *c, const struct base_reference *reference,
	const char *beside, const struct recipe_options *o, struct diag *d);
/* The same for a base's plan that is loaded already, and outlives the chain. */
int chain_load_below(struct chain *c, const struct base_plan *plan,
	const struct recipe_options *o, struct diag *d);
void chain_clear(struct chain *c);

int chain_has_root(const struct chain *c);
/* 1 where the base is a complete disk, which has no other below it. */
int chain_is_disk(const struct chain *c);
/* Fails where a unit has no command and no base of the chain can bring one. */
int chain_check_command(const struct chain *c, const struct plan *unit, struct diag *d);
/* 1 where the plan's initrd files count: below a root disk they would lie hidden. */
int chain_uses_initrd(const struct chain *c, size_t plan);

#endif
