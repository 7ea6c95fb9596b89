/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <getopt.h>

#include "common/memory.h"

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
