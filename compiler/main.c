/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "command.h"
#include "common/diag.h"
#include "common/memory.h"
#include "runtime/unit.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct diag *d);
	const char *help;
} commands[] = {
	{"build", command_build, "compile a recipe into a unit"},
	{"check", command_check, "find a recipe's mistakes, build nothing"},
	{"inspect", command_inspect, "show what a unit holds"},
	{"image", command_image, "make an ext4 image of folders and archives"},
	{"put", command_put, "put files into a disk image that there is"},
	{"get", command_get, "take files out of a disk image"},
	{"ls", command_ls, "list the files of a disk image"},
	{"wrap", command_wrap, "make a unit of a disk image and an application"},
	{"base", command_base, "build, list and locate bases"},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *out)
{
	fputs("usage: wuc COMMAND [ARGUMENTS]\n"
	      "\n"
	      "Compiles recipes into virtual-machine work units, which wurun runs.\n"
	      "\n",
		out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  wuc %-8s  %s\n", commands[i].name, commands[i].help);
	fputs("\n"
	      "wuc COMMAND --help says more; so do wuc(1), workunit-recipe(5) and\n"
	      "workunit-unit(5).\n",
		out);
}

/* The exit status: what could not be printed is a failure too. */
static int finish_output(int status)
{
	if ((fflush(stdout) < 0 || ferror(stdout)) && status == 0) {
		perror("wuc: standard output");
		status = EXIT_FAILED;
	}
	return status;
}

static int run_command(int argc, char **argv)
{
	struct diag d = {0};

	for (size_t i = 0; i < COMMANDS; i++) {
		char name[32];
		int status;

		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		/* getopt's own messages start with this. */
		snprintf(name, sizeof(name), "wuc %s", commands[i].name);
		argv[1] = name;
		status = commands[i].run(argc - 1, argv + 1, &d);
		diag_print(&d, stderr, "wuc");
		diag_clear(&d);
		return finish_output(status);
	}
	fprintf(stderr, "wuc: no command '%s' (wuc --help lists them)\n", argv[1]);
	return EXIT_USAGE;
}

static void set_up_process(void)
{
	struct rlimit files;

	/* A file over RLIMIT_FSIZE is an error to report, not a reason to die. */
	signal(SIGXFSZ, SIG_IGN);
	/* By itself jansson goes on with a byte less where memory is out. */
	json_set_alloc_funcs(memory_alloc, free);
	/* Deep trees take a descriptor a level. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* Zip files tell local times, but not of what place. */
	setenv("TZ", "UTC0", 1);
	tzset();
}

int main(int argc, char **argv)
{
	char help_option[] = "--help";

	set_up_process();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (argc > 2 && strcmp(argv[1], "help") == 0) {
		/* wuc help build is wuc build --help */
		argv[1] = argv[2];
		argv[2] = help_option;
		return run_command(3, argv);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return finish_output(0);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("wuc " WU_VERSION);
		return finish_output(0);
	}
	return run_command(argc, argv);
}
