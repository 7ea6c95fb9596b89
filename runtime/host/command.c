/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/memory.h"
#include "common/text.h"

#define SKIPPED_LINES 100 /* a guest may have any number of files */

const int memory_exit_status = EXIT_HOST_FAILED;

int command_refuse_option(const struct command *c, char **argv, struct diag *d)
{
	const char *given = argv[optind - 1];

	if (optopt && (given[0] != '-' || given[1] != '-'))
		diag_fail(d, "%s: option -%c: unknown, or its value is missing", c->name,
			optopt);
	else
		diag_fail(d,
			"%s: option %s: unknown, or its value is missing or too much",
			c->name, given);
	diag_fail(d, "%s: `wurun %s --help` lists its options", c->name, c->name);
	return EXIT_USAGE;
}

int command_read_folder(const struct command *c, int argc, char **argv,
	const struct stdio *stdio, const char **folder, int *json, int *status,
	struct diag *d)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'J'}, {"help", no_argument, NULL, 'h'}, {0}};
	int option;

	*json = 0;
	*status = 0;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(c->help, stdio->out);
			return -1;
		}
		if (option != 'J') {
			*status = command_refuse_option(c, argv, d);
			return -1;
		}
		*json = 1;
	}
	*folder = argv[optind];
	if (argc - optind == 1)
		return 0;
	*status = EXIT_USAGE;
	return diag_fail(d, "%s: expected a folder of results: wurun %s RESULTS", c->name,
		c->name);
}

int command_read_copy(const struct command *c, int argc, char **argv,
	struct command_copy *copy, struct diag *d)
{
	if (argc - optind < 4 || !*argv[optind + 1]) {
		diag_fail(d,
			"%s: expected results, an id, files and a place: "
			"wurun %s RESULTS ID SRC… DEST",
			c->name, c->name);
		return EXIT_USAGE;
	}
	copy->results = argv[optind];
	copy->id = argv[optind + 1];
	copy->sources = argv + optind + 2;
	copy->source_count = argc - optind - 3;
	copy->dest = argv[argc - 1];
	return 0;
}

void command_print_skipped(void *copy, const char *path, const char *why)
{
	struct command_copy *c = copy;
	char *cut, *visible;

	if (c->skipped++ >= SKIPPED_LINES)
		return;
	cut = memory_printf("%.1000s", path);
	visible = text_visible(cut);
	fprintf(c->stdio->err, "left out: %s: %s\n", visible, why);
	free(visible);
	free(cut);
}

void command_end_skipped(const struct command_copy *copy)
{
	if (copy->skipped > SKIPPED_LINES)
		fprintf(copy->stdio->err, "… and %" PRIu64 " more left out\n",
			copy->skipped - SKIPPED_LINES);
}
