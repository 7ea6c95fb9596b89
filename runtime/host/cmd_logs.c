/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "outcome.h"
#include "results.h"
#include "survey.h"

static const char help[] =
	"usage: wurun logs [-f] [--stderr] RESULTS ID\n"
	"\n"
	"Prints what an instance wrote: all of it where it has finished, else what has\n"
	"come so far. ID may be the beginning of one. On a terminal, what would drive it\n"
	"is shown as \\xNN.\n"
	"\n"
	"  -f, --follow   go on until the instance ends (and wait for it to begin)\n"
	"      --stderr   its standard error instead of its standard output\n"
	"  -h, --help     this text\n";

#define LOOK_MS 200
#define LINE_LIMIT_BYTES (64u << 10)

struct logs {
	const char *path;
	const char *name; /* of the log */
	int follow;
	FILE *out;
	int is_terminal;
	struct results results;
	char id[WU_ID_DIGITS + 1];
	struct buffer line; /* the last line, as long as it has no end */
};

/* --- which instance --- */

struct search {
	const char *text;
	char found[WU_ID_DIGITS + 1];
	int is_ambiguous;
};

static void consider(struct search *s, const char *id)
{
	if (strncmp(id, s->text, strlen(s->text)) != 0)
		return;
	if (*s->found && strcmp(s->found, id) != 0)
		s->is_ambiguous = 1;
	memcpy(s->found, id, sizeof(s->found));
}

static void consider_work(struct search *s, const struct results_names *names)
{
	char id[WU_ID_DIGITS + 1];

	for (size_t i = 0; i < names->count; i++)
		if (results_get_work_id(names->list[i], id) == 0)
			consider(s, id);
}

static int find_id(struct logs *l, const char *text, struct diag *d)
{
	struct search s = {.text = text};
	struct results_names names;
	struct manifest m;

	if (results_list(&l->results, &names, d) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++)
		consider(&s, names.list[i]);
	results_free_names(&names);
	if (results_list_work(&l->results, &names, d) < 0)
		return -1;
	consider_work(&s, &names);
	results_free_names(&names);
	if (survey_load_manifest(&l->results, &m) == 0) {
		for (size_t i = 0; i < m.instance_count; i++)
			consider(&s, m.instances[i].id);
		manifest_clear(&m);
	}
	if (s.is_ambiguous)
		return diag_fail(d, "%s: more than one instance begins so", text);
	if (!*s.found)
		return diag_fail(d, "%s: no such instance in %s", text, l->path);
	memcpy(l->id, s.found, sizeof(l->id));
	return 0;
}

/* --- its log --- */

/* A terminal gets whole lines, made visible; anything else the bytes as they are. */
static void print(struct logs *l, const char *bytes, size_t size)
{
	const char *end;

	if (!l->is_terminal) {
		fwrite(bytes, 1, size, l->out);
		return;
	}
	buffer_add(&l->line, bytes, size);
	end = memrchr(l->line.bytes, '\n', l->line.size);
	size = end				 ? (size_t)(end - l->line.bytes) + 1
	       : l->line.size > LINE_LIMIT_BYTES ? l->line.size
						 : 0;
	text_print_lines(l->line.bytes, size, l->out);
	memmove(l->line.bytes, l->line.bytes + size, l->line.size - size);
	l->line.size -= size;
}

/* From where the descriptor stands to the end. Returns 0, or -1 with errno. */
static int print_rest(struct logs *l, int fd)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			print(l, chunk, (size_t)n);
	return n < 0 || fflush(l->out) != 0 ? -1 : 0;
}

static int open_log(const struct logs *l, const char *folder)
{
	char *path = memory_printf("%s/%s", folder, l->name);
	int fd = openat(l->results.fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	free(path);
	return fd;
}

/* The work folder of the instance's living run, or NULL; the caller frees. */
static char *find_work(const struct logs *l)
{
	struct diag ignored = {0};
	struct results_names names = {0};
	char id[WU_ID_DIGITS + 1], *found = NULL;

	results_list_work(&l->results, &names, &ignored);
	for (size_t i = 0; i < names.count && !found; i++)
		if (results_get_work_id(names.list[i], id) == 0 &&
			strcmp(id, l->id) == 0 &&
			results_is_alive(&l->results, names.list[i]))
			found = memory_strdup(names.list[i]);
	results_free_names(&names);
	diag_clear(&ignored);
	return found;
}

static void wait_a_moment(void)
{
	poll(NULL, 0, LOOK_MS);
}

/* The log goes with its work folder; what it still holds can be read then. */
static int follow(struct logs *l, int fd)
{
	struct stat st;

	while (print_rest(l, fd) == 0) {
		if (fstat(fd, &st) < 0 || st.st_nlink == 0)
			return print_rest(l, fd);
		wait_a_moment();
	}
	/* On a shared folder the descriptor of what another host removed is stale. */
	return errno == ESTALE ? 0 : -1;
}

static int show_live(struct logs *l, const char *work)
{
	CLEANUP(file_close) int fd = open_log(l, work);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	return l->follow ? follow(l, fd) : print_rest(l, fd);
}

static int show_finished(struct logs *l)
{
	CLEANUP(file_close) int fd = open_log(l, l->id);

	return fd < 0 ? -1 : print_rest(l, fd);
}

/* Returns 1 where there was something to show, 0 where it has not begun, or -1. */
static int show(struct logs *l, struct diag *d)
{
	char *work = find_work(l);
	int rc = work ? show_live(l, work) : show_finished(l);

	if (rc < 0 && !work && errno == ENOENT) {
		free(work);
		return 0;
	}
	if (rc < 0)
		diag_fail_errno(d, "%s/%s/%s", l->path, work ? work : l->id, l->name);
	free(work);
	return rc < 0 ? -1 : 1;
}

static int show_when_there(struct logs *l, struct diag *d)
{
	int shown;

	while ((shown = show(l, d)) == 0) {
		if (!l->follow)
			return diag_fail(d,
				"%s: it has not begun (with -f its log is waited for)",
				l->id);
		wait_a_moment();
	}
	if (l->line.size)
		text_print_lines(l->line.bytes, l->line.size, l->out);
	return shown < 0 ? -1 : 0;
}

static int logs(struct logs *l, const char *id, struct diag *d)
{
	int rc;

	if (results_open(l->path, &l->results, d) < 0)
		return EXIT_FAILED;
	rc = find_id(l, id, d) < 0 || show_when_there(l, d) < 0 ? EXIT_FAILED : 0;
	results_close(&l->results);
	buffer_clear(&l->line);
	return rc;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {{"follow", no_argument, NULL, 'f'},
		{"stderr", no_argument, NULL, 'e'}, {"help", no_argument, NULL, 'h'},
		{0}};
	struct logs l = {.name = OUTCOME_STDOUT,
		.out = stdio->out,
		.is_terminal = isatty(fileno(stdio->out))};
	int c;

	while ((c = getopt_long(argc, argv, "fh", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdio->out);
			return 0;
		}
		if (c == 'f')
			l.follow = 1;
		else if (c == 'e')
			l.name = OUTCOME_STDERR;
		else
			return command_refuse_option(&cmd_logs, argv, d);
	}
	if (argc - optind != 2 || !*argv[optind + 1]) {
		diag_fail(d, "logs: expected results and an id: wurun logs RESULTS ID");
		return EXIT_USAGE;
	}
	l.path = argv[optind];
	return logs(&l, argv[optind + 1], d);
}

const struct command cmd_logs = {
	.name = "logs",
	.summary = "print what an instance writes or wrote",
	.help = help,
	.run = run,
};
