/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "common/memory.h"
#include "common/text.h"
#include "control.h"

static const char help[] =
	"usage: wurun exec [--root] RESULTS ID -- COMMAND…\n"
	"\n"
	"Runs a command in the guest of an instance while its scripts run: as their user,\n"
	"in their folder (/output), with their environment and no input. ID may be the\n"
	"beginning of one. What the command leaves behind is killed when it ends, and so\n"
	"is the command where wurun ends first. On a terminal, what would drive it is\n"
	"shown as \\xNN.\n"
	"\n"
	"      --root   as root\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: the command's; 128+n where signal n ended it; 125 where wurun failed,\n"
	"126 and 127 where the command could not be executed or was not found.\n";

#define LINE_LIMIT_BYTES (64u << 10)

struct stream {
	FILE *file;
	int is_terminal;
	struct buffer line; /* the last one, as long as it has no end */
};

struct exec {
	const char *results, *id, *user;
	char **words;
	int word_count;
	struct stream out, err;
};

/* A terminal gets whole lines, made visible; anything else the bytes as they are. */
static int print(struct stream *s, const char *bytes, size_t size, struct diag *d)
{
	if (!s->is_terminal) {
		fwrite(bytes, 1, size, s->file);
	} else {
		const char *end;

		buffer_add(&s->line, bytes, size);
		end = memrchr(s->line.bytes, '\n', s->line.size);
		size = end ? (size_t)(end - s->line.bytes) + 1
		       : s->line.size > LINE_LIMIT_BYTES ? s->line.size
							 : 0;
		text_print_lines(s->line.bytes, size, s->file);
		memmove(s->line.bytes, s->line.bytes + size, s->line.size - size);
		s->line.size -= size;
	}
	return fflush(s->file) != 0 ? diag_fail_errno(d, "exec: cannot write") : 0;
}

static void finish(struct stream *s)
{
	if (s->line.size)
		text_print_lines(s->line.bytes, s->line.size, s->file);
	buffer_clear(&s->line);
}

/* "status 3", "signal 9", "status 127 nosuch: No such file or directory". */
static int read_end(
	const struct control *c, const struct control_message *m, struct diag *d)
{
	char *rest;
	int is_signal = strncmp(m->bytes, "signal ", 7) == 0;
	long number;

	if (!is_signal && strncmp(m->bytes, "status ", 7) != 0)
		return control_fail(c, m, d);
	number = strtol(m->bytes + 7, &rest, 10);
	if (rest == m->bytes + 7 || number < 0 || number > (is_signal ? 127 : 255))
		return control_fail(c, m, d);
	if (*rest)
		diag_fail(d, "%s: %.500s", c->id, rest + (*rest == ' '));
	return (int)number + (is_signal ? EXIT_SIGNAL : 0);
}

/* Returns the exit status, or -1. */
static int pass_all(struct exec *e, struct control *c, struct diag *d)
{
	struct control_message m;

	while (control_next(c, &m, CONTROL_ANSWER_MS, d) == 0) {
		if (strcmp(m.word, "alive") == 0)
			continue;
		if (strcmp(m.word, "exited") == 0)
			return read_end(c, &m, d);
		if (strcmp(m.word, "stdout") != 0 && strcmp(m.word, "stderr") != 0)
			return control_fail(c, &m, d);
		if (print(m.word[3] == 'o' ? &e->out : &e->err, m.bytes, m.size, d) < 0)
			return -1;
	}
	return -1;
}

static int execute(struct exec *e, struct diag *d)
{
	struct control c = CONTROL_NONE;
	int rc = control_open(&c, e->results, e->id, d);

	for (int i = 0; i < e->word_count && rc == 0; i++)
		rc = control_send_text(&c, "argument", e->words[i], d);
	if (rc == 0)
		rc = control_send_text(&c, "exec", e->user, d);
	if (rc == 0)
		rc = pass_all(e, &c, d);
	control_close(&c);
	finish(&e->out);
	finish(&e->err);
	return rc < 0 ? EXIT_HOST_FAILED : rc;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {
		{"root", no_argument, NULL, 'R'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct exec e = {
		.user = WU_USER_USER,
		.out = {.file = stdio->out, .is_terminal = isatty(fileno(stdio->out))},
		.err = {.file = stdio->err, .is_terminal = isatty(fileno(stdio->err))},
	};
	int c;

	/* Options come first, or right before the command; all behind "--" is its own. */
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdio->out);
			return 0;
		}
		if (c != 'R')
			return command_refuse_option(&cmd_exec, argv, d);
		e.user = WU_USER_ROOT;
	}
	if (argc - optind >= 2) {
		e.results = argv[optind++];
		e.id = argv[optind++];
	}
	if (e.id && optind < argc && strcmp(argv[optind], "--root") == 0) {
		e.user = WU_USER_ROOT;
		optind++;
	}
	if (e.id && optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	e.words = argv + optind;
	e.word_count = argc - optind;
	if (!e.id || !*e.id || e.word_count == 0) {
		diag_fail(d, "exec: expected results, an id and a command: "
			     "wurun exec RESULTS ID -- COMMAND…");
		return EXIT_USAGE;
	}
	return execute(&e, d);
}

const struct command cmd_exec = {
	.name = "exec",
	.summary = "run a command in a running instance",
	.help = help,
	.run = run,
};
