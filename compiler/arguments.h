/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arguments: what several commands' options have in common. */
#ifndef COMPILER_ARGUMENTS_H
#define COMPILER_ARGUMENTS_H

#include "common/diag.h"
#include "common/memory.h"
#include "recipe.h"

/* Collects --set, --only and --allow, and reads SOURCE_DATE_EPOCH. */
struct arguments {
	struct recipe_options recipe;
	struct arena arena;
};

/* 0, or -1 where SOURCE_DATE_EPOCH is no time. */
int arguments_begin(struct arguments *a, struct diag *d);
/* "name=value" of --set or --only. 0 or -1. */
int arguments_add_choice(
	struct arguments *a, const char *option, const char *text, struct diag *d);
/* A folder that recipes may read besides their own. 0 or -1. */
int arguments_add_allowed(struct arguments *a, const char *folder, struct diag *d);
void arguments_end(struct arguments *a);

/* Ends a command whose arguments were not to be read: rc 1 after --help, which gives 0;
 * else EXIT_USAGE and a line on how to get help. */
int arguments_stop(struct arguments *a, int rc, const char *command, struct diag *d);

#endif
