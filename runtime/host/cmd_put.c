/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "common/memory.h"
#include "common/quantity.h"
#include "control.h"
#include "send.h"

static const char help[] =
	"usage: wurun put [OPTIONS] RESULTS ID SRC… DEST\n"
	"\n"
	"Puts files and folders into the guest of an instance while its scripts run, as\n"
	"their user. DEST is a path in the guest, from their folder (/output) on: a folder\n"
	"that is there, or the new name of the one SRC. A file takes its place, and\n"
	"replaces one of that name, once it is whole. ID may be the beginning of one.\n"
	"\n"
	"      --root    as root\n"
	"  -q, --quiet   say nothing but errors and what is left out\n"
	"  -h, --help    this text\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 bad usage.\n";

/* The last part of a path; the caller frees. NULL where it has none. */
static char *last_part(const char *path)
{
	size_t end = strlen(path), start;
	char *name;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	name = memory_printf("%.*s", (int)(end - start), path + start);
	if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return name;
	free(name);
	return NULL;
}

static int send_source(struct send *s, const char *path, int is_named, struct diag *d)
{
	char *name = is_named ? memory_strdup("") : last_part(path), *real = NULL;
	int rc;

	/* "." is called what it is called elsewhere. */
	if (!name && (real = realpath(path, NULL)))
		name = last_part(real);
	rc = name ? send_path(s, path, name, d)
		  : diag_fail(d, "%s: no such file, or without a name", path);
	free(real);
	free(name);
	return rc;
}

static int send_all(struct command_copy *p, struct send *s, struct diag *d)
{
	struct control *c = s->control;
	struct control_message m;
	char *request = memory_printf("%s %s", p->user, p->dest);
	int rc = control_send_text(c, "put", request, d), is_named;

	free(request);
	if (rc < 0 || control_next(c, &m, CONTROL_ANSWER_MS, d) < 0)
		return -1;
	is_named = strcmp(m.bytes, "name") == 0;
	if (strcmp(m.word, "place") != 0)
		return control_fail(c, &m, d);
	if (is_named && p->source_count > 1)
		return diag_fail(d, "%s: %s: expected a folder for %d sources", c->id,
			p->dest, p->source_count);
	for (int i = 0; i < p->source_count; i++)
		if (send_source(s, p->sources[i], is_named, d) < 0)
			return -1;
	if (control_send(c, "end", "", 0, d) < 0 ||
		control_next(c, &m, CONTROL_ANSWER_MS, d) < 0)
		return -1;
	return strcmp(m.word, "done") == 0 ? 0 : control_fail(c, &m, d);
}

static int put(struct command_copy *p, struct diag *d)
{
	struct control c = CONTROL_NONE;
	struct send s = {.control = &c, .skipped = command_print_skipped, .context = p};
	char size[QUANTITY_TEXT];
	int rc = control_open(&c, p->results, p->id, d);

	if (rc == 0)
		rc = send_all(p, &s, d);
	command_end_skipped(p);
	control_close(&c);
	if (rc == 0 && !p->quiet)
		fprintf(p->stdio->out, "%s: %" PRIu64 " file%s, %s\n", c.id, s.files,
			s.files == 1 ? "" : "s", quantity_format_size(s.bytes, size));
	return rc < 0 ? EXIT_FAILED : 0;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {{"root", no_argument, NULL, 'R'},
		{"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct command_copy copy = {.user = WU_USER_USER, .stdio = stdio};
	int c, status;

	while ((c = getopt_long(argc, argv, "qh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdio->out);
			return 0;
		}
		if (c == 'q')
			copy.quiet = 1;
		else if (c == 'R')
			copy.user = WU_USER_ROOT;
		else
			return command_refuse_option(&cmd_put, argv, d);
	}
	status = command_read_copy(&cmd_put, argc, argv, &copy, d);
	return status ? status : put(&copy, d);
}

const struct command cmd_put = {
	.name = "put",
	.summary = "put files into a running instance",
	.help = help,
	.run = run,
};
