/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command: wurun's commands, one a file (cmd_NAME.c). Each gets its own arguments, with
 * its name as argv[0]; it writes results to stdio->out, news to stdio->err, and returns
 * the exit status; what it has to complain about goes to d, which main.c prints. */
#ifndef HOST_COMMAND_H
#define HOST_COMMAND_H

#include <stdint.h>
#include <stdio.h>

#include "common/diag.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_TIME_LIMIT 124
#define EXIT_HOST_FAILED 125
#define EXIT_SIGNAL 128

struct stdio {
	FILE *out, *err;
};

struct command {
	const char *name;
	const char *summary; /* one line of `wurun help` */
	const char *help;    /* what --help says */
	int (*run)(int argc, char **argv, const struct stdio *stdio, struct diag *d);
};

extern const struct command cmd_run, cmd_submit, cmd_status, cmd_logs, cmd_collect,
	cmd_exec, cmd_put, cmd_get, cmd_unpack, cmd_ls, cmd_verify, cmd_doctor;

/* What an unknown option makes of a command: EXIT_USAGE, and the line to d. `argv` as
 * getopt_long() left it. */
int command_refuse_option(const struct command *c, char **argv, struct diag *d);

/* Reads the arguments of a command that takes a folder of results, --json and --help: 0
 * to go on with both, else the command is over with *status. */
int command_read_folder(const struct command *c, int argc, char **argv,
	const struct stdio *stdio, const char **folder, int *json, int *status,
	struct diag *d);

/* What `put` and `get` are given alike. */
struct command_copy {
	const char *results, *id, *dest;
	char **sources;
	int source_count;
	const char *user; /* WU_USER_… */
	int quiet;
	const struct stdio *stdio;
	uint64_t skipped; /* how many are left out so far */
};

/* Reads what follows the options: RESULTS ID SRC… DEST. 0, or EXIT_USAGE and a line. */
int command_read_copy(const struct command *c, int argc, char **argv,
	struct command_copy *copy, struct diag *d);
/* Says what a struct command_copy leaves out, as long as that is not too much; */
void command_print_skipped(void *copy, const char *path, const char *why);
/* and, at the end, of how many more it did not say so. */
void command_end_skipped(const struct command_copy *copy);

#endif
