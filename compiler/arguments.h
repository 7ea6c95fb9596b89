/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arguments: what several commands' options have in common. */
#ifndef COMPILER_ARGUMENTS_H
#define COMPILER_ARGUMENTS_H

#include <getopt.h>

#include "base.h"
#include "common/diag.h"
#include "common/memory.h"
#include "recipe.h"

/* What a command's options say in common: --set, --only, --allow, -q and
 * SOURCE_DATE_EPOCH. */
struct arguments {
	struct recipe_options recipe;
	int quiet;
	struct arena arena;
};

/* getopt_long's values of the common long options; a command's own start after them. */
enum { ARGUMENT_SET = 256, ARGUMENT_ONLY, ARGUMENT_ALLOW, ARGUMENT_OWN };

/* clang-format off */
#define ARGUMENT_CHOICES \
	{"set", required_argument, NULL, ARGUMENT_SET}, \
	{"only", required_argument, NULL, ARGUMENT_ONLY}
#define ARGUMENT_COMMON \
	{"allow", required_argument, NULL, ARGUMENT_ALLOW}, \
	{"quiet", no_argument, NULL, 'q'}, \
	{"help", no_argument, NULL, 'h'}
/* clang-format on */

/* 0, or -1 where SOURCE_DATE_EPOCH is no time. */
int arguments_begin(struct arguments *a, struct diag *d);
/* Takes a time in the place of SOURCE_DATE_EPOCH's; `name` is where it was given. */
int arguments_read_epoch(
	struct arguments *a, const char *name, const char *text, struct diag *d);
/* Takes an option that is not the command's own: 0, 1 after --help has printed the text,
 * or -1 where it makes no sense. */
int arguments_take(struct arguments *a, int option, const char *value, const char *help,
	struct diag *d);
/* Fills in what building a base is allowed to read, and how it says what it does. a must
 * outlive the options. */
void arguments_set_base_options(struct arguments *a, struct base_options *o);
void arguments_end(struct arguments *a);

/* Ends a command whose arguments were not to be read: rc 1 after --help, which gives 0;
 * else EXIT_USAGE and a line on how to get help. */
int arguments_stop(struct arguments *a, int rc, const char *command, struct diag *d);

#endif
