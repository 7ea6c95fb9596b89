/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wurun: executes work units and unpacks what they produce.
 *
 *     unit.json ─manifest▶ instances ─sweep▶ QEMU ─┬─ port, console ▶ facts ─classify▶
 * class └─ output.img ─unpack▶ RESULTS/ID/
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "common/memory.h"
#include "runtime/unit.h"

static const struct command *const commands[] = {&cmd_run, &cmd_submit, &cmd_status,
	&cmd_logs, &cmd_collect, &cmd_exec, &cmd_put, &cmd_get, &cmd_unpack, &cmd_ls,
	&cmd_verify, &cmd_doctor};

#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *out)
{
	fputs("usage: wurun COMMAND [OPTION…] …\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`wurun COMMAND --help` says more of a command; `wurun --version` says\n"
	      "which wurun this is.\n",
		out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int refuse_command(const char *name, struct diag *d)
{
	struct buffer known = {0};

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		buffer_printf(&known, "%s%s",
			i == 0			? ""
			: i + 1 < COMMAND_COUNT ? ", "
						: " and ",
			commands[i]->name);
	diag_fail(d, "%s: no such command; there are %s", name, known.bytes);
	buffer_clear(&known);
	return EXIT_USAGE;
}

static int help(int argc, char **argv, struct diag *d)
{
	const struct command *c = argc > 2 ? find_command(argv[2]) : NULL;

	if (argc > 2 && !c)
		return refuse_command(argv[2], d);
	if (c)
		fputs(c->help, stdout);
	else
		print_help(stdout);
	return 0;
}

static int dispatch(int argc, char **argv, struct diag *d)
{
	const struct stdio stdio = {stdout, stderr};
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *c;

	if (!name) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(name, "--version") == 0) {
		puts("wurun " WU_VERSION);
		return 0;
	}
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 ||
		strcmp(name, "-h") == 0)
		return help(argc, argv, d);
	c = find_command(name);
	if (!c)
		return refuse_command(name, d);
	opterr = 0;
	return c->run(argc - 1, argv + 1, &stdio, d);
}

/* Descriptors 0 to 2 must be something, or a disk would become standard output. */
static int open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* A reader that went away is no error of ours, but no success either. */
static int flush_output(int status, struct diag *d)
{
	int failed = ferror(stdout);

	if (fflush(stdout) == 0 && !failed)
		return status;
	if (errno == EPIPE)
		return EXIT_SIGNAL + SIGPIPE;
	diag_fail_errno(d, "standard output");
	return EXIT_HOST_FAILED;
}

int main(int argc, char **argv)
{
	struct diag d = {0};
	int status;

	if (open_standard_descriptors() < 0)
		return EXIT_HOST_FAILED;
	signal(SIGPIPE, SIG_IGN);
	/* By itself jansson goes on with a byte less where memory is out. */
	json_set_alloc_funcs(memory_alloc, free);
	status = dispatch(argc, argv, &d);
	status = flush_output(status, &d);
	diag_print(&d, stderr, "wurun");
	diag_clear(&d);
	return status;
}
