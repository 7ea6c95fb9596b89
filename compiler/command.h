/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command: what main.c's table knows of each of wuc's commands. A command reads its own
 * arguments, prints its own output and returns the exit status; failures it cannot go on
 * from are lines of d, which main.c prints. */
#ifndef COMPILER_COMMAND_H
#define COMPILER_COMMAND_H

#include "common/diag.h"

#define EXIT_FAILED 1 /* the recipe or the build */
#define EXIT_USAGE 2

int command_build(int argc, char **argv, struct diag *d);
int command_check(int argc, char **argv, struct diag *d);
int command_inspect(int argc, char **argv, struct diag *d);
int command_image(int argc, char **argv, struct diag *d);
int command_put(int argc, char **argv, struct diag *d);
int command_get(int argc, char **argv, struct diag *d);
int command_ls(int argc, char **argv, struct diag *d);
int command_wrap(int argc, char **argv, struct diag *d);
int command_base(int argc, char **argv, struct diag *d);

#endif
