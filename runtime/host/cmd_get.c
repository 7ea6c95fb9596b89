/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/quantity.h"
#include "common/workdir.h"
#include "control.h"
#include "receive.h"

static const char help[] =
	"usage: wurun get [OPTIONS] RESULTS ID SRC… DEST\n"
	"\n"
	"Gets files and folders out of the guest of an instance while its scripts run, as\n"
	"their user. SRC is a path in the guest, from their folder (/output) on. DEST is a\n"
	"folder that is there, or the new name of the one SRC. All that came takes its\n"
	"place at the end. Symbolic links that lead out of a folder, and what is neither\n"
	"file nor folder, are left out. ID may be the beginning of one.\n"
	"\n"
	"      --root        as root\n"
	"  -f, --force       replace files that are there already\n"
	"      --limit SIZE  what the guest may send at most (16G)\n"
	"  -q, --quiet       say nothing but errors and what is left out\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit status: 0 done, 1 failed or some of it could not be read, 2 bad usage.\n";

#define STAGE_PREFIX ".wurun-get-"
#define LIMIT_DEFAULT (16ULL << 30)
#define ENTRIES_LIMIT 1000000

struct get {
	struct command_copy copy;
	int force;
	uint64_t limit_bytes;
	int folder;	  /* that is to hold what comes */
	const char *name; /* the one that comes there; NULL: its own */
	struct workdir stage;
};

/* "a/b" is b in a, which must be a folder. */
static int open_parent(struct get *g, struct diag *d)
{
	const char *slash = strrchr(g->copy.dest, '/');
	char *parent = slash ? memory_printf("%.*s", (int)(slash - g->copy.dest + 1),
				       g->copy.dest)
			     : memory_strdup(".");

	g->name = slash ? slash + 1 : g->copy.dest;
	g->folder = *g->name ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (g->folder < 0 && !*g->name)
		errno = ENOENT;
	if (g->folder < 0)
		diag_fail_errno(d, "%s", parent);
	free(parent);
	return g->folder < 0 ? -1 : 0;
}

static int open_dest(struct get *g, struct diag *d)
{
	g->folder = open(g->copy.dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->folder < 0 && errno != ENOENT && errno != ENOTDIR)
		return diag_fail_errno(d, "%s", g->copy.dest);
	if (g->folder < 0 && g->copy.source_count > 1)
		return diag_fail(d, "%s: expected a folder for %d sources", g->copy.dest,
			g->copy.source_count);
	return g->folder < 0 ? open_parent(g, d) : 0;
}

/* Only a file gives way, and only to a file. */
static int place(struct get *g, const char *from, struct diag *d)
{
	const char *to = g->name ? g->name : from;
	struct stat old, new;

	if (fstatat(g->stage.fd, from, &new, AT_SYMLINK_NOFOLLOW) < 0)
		return diag_fail_errno(d, "%s", from);
	if (!renameat2(g->stage.fd, from, g->folder, to, RENAME_NOREPLACE))
		return 0;
	/* Not every file system can say so by itself. */
	if (errno == EEXIST || errno == EINVAL) {
		int is_there = fstatat(g->folder, to, &old, AT_SYMLINK_NOFOLLOW) == 0;

		if (is_there &&
			(!g->force || !S_ISREG(old.st_mode) || !S_ISREG(new.st_mode)))
			return diag_fail(d, "%s: %s is there already%s", g->copy.dest, to,
				g->force ? "" : " (--force replaces files)");
		if (!renameat(g->stage.fd, from, g->folder, to))
			return 0;
	}
	return diag_fail_errno(d, "%s: %s", g->copy.dest, to);
}

static int is_entry(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int place_all(struct get *g, struct diag *d)
{
	struct dirent **list;
	int count = scandirat(g->stage.fd, ".", &list, is_entry, alphasort), rc = 0;

	if (count < 0)
		return diag_fail_errno(d, "%s", g->copy.dest);
	for (int i = 0; i < count; i++) {
		if (place(g, list[i]->d_name, d) < 0)
			rc = -1;
		free(list[i]);
	}
	free(list);
	return rc;
}

/* Returns 0, 1 where the guest could not read some of it, or -1. */
static int receive_all(
	struct get *g, struct control *c, struct receive *r, struct diag *d)
{
	struct control_message m;

	for (int i = 0; i < g->copy.source_count; i++)
		if (control_send_text(c, "argument", g->copy.sources[i], d) < 0)
			return -1;
	if (control_send_text(c, "get", g->copy.user, d) < 0)
		return -1;
	while (control_next(c, &m, CONTROL_ANSWER_MS, d) == 0) {
		if (strcmp(m.word, "error") == 0) {
			control_fail(c, &m, d);
			return receive_is_whole(r) ? 1 : -1;
		}
		if (strcmp(m.word, "end") == 0 && receive_is_whole(r))
			return 0;
		if (receive_take(r, &m, d) < 0)
			return -1;
	}
	return -1;
}

static int get_staged(struct get *g, struct control *c, struct receive *r, struct diag *d)
{
	int rc;

	if (workdir_make(&g->stage, g->folder, STAGE_PREFIX, d) < 0)
		return -1;
	r->folders[0] = g->stage.fd;
	rc = receive_all(g, c, r, d);
	if (rc >= 0 && place_all(g, d) < 0)
		rc = -1;
	receive_close(r);
	workdir_drop(&g->stage);
	return rc;
}

/* What is staged goes, whatever stops us. */
static int hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Returns the signal that stopped us, or 0. */
static int read_signal(int fd)
{
	struct signalfd_siginfo s;

	return read(fd, &s, sizeof(s)) == (ssize_t)sizeof(s) ? (int)s.ssi_signo : 0;
}

static int get(struct get *g, struct diag *d)
{
	CLEANUP(file_close) int signals = hold_signals();
	struct control c = CONTROL_NONE;
	struct receive r = {
		.file = -1,
		.bytes_left = g->limit_bytes,
		.entries_left = ENTRIES_LIMIT,
		.skipped = command_print_skipped,
		.context = &g->copy,
	};
	char size[QUANTITY_TEXT];
	int rc, stopped;

	c.interrupt = &signals;
	rc = open_dest(g, d);
	if (rc == 0)
		rc = control_open(&c, g->copy.results, g->copy.id, d);
	if (rc == 0)
		rc = get_staged(g, &c, &r, d);
	command_end_skipped(&g->copy);
	control_close(&c);
	file_close(&g->folder);
	stopped = rc < 0 ? read_signal(signals) : 0;
	/* Of what failed, but for some of it, that is worth telling. */
	if ((rc == 0 || (rc > 0 && r.files)) && !g->copy.quiet)
		fprintf(g->copy.stdio->out, "%s: %" PRIu64 " file%s, %s\n", g->copy.dest,
			r.files, r.files == 1 ? "" : "s",
			quantity_format_size(r.bytes, size));
	if (stopped)
		return EXIT_SIGNAL + stopped;
	return rc == 0 ? 0 : EXIT_FAILED;
}

static int read_options(int argc, char **argv, struct get *g, struct diag *d)
{
	static const struct option options[] = {{"root", no_argument, NULL, 'R'},
		{"force", no_argument, NULL, 'f'},
		{"limit", required_argument, NULL, 'L'},
		{"quiet", no_argument, NULL, 'q'}, {"help", no_argument, NULL, 'h'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "fqh", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, g->copy.stdio->out);
			return 0;
		case 'R':
			g->copy.user = WU_USER_ROOT;
			break;
		case 'f':
			g->force = 1;
			break;
		case 'q':
			g->copy.quiet = 1;
			break;
		case 'L':
			if (quantity_parse_size(optarg, &g->limit_bytes) == 0)
				break;
			diag_fail(d, "--limit: expected a size such as 2G, found %s",
				optarg);
			return EXIT_USAGE;
		default:
			return command_refuse_option(&cmd_get, argv, d);
		}
	}
	return -1;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	struct get g = {
		.copy = {.user = WU_USER_USER, .stdio = stdio},
		.limit_bytes = LIMIT_DEFAULT,
		.folder = -1,
		.stage = WORKDIR_NONE,
	};
	int status = read_options(argc, argv, &g, d);

	if (status >= 0)
		return status;
	status = command_read_copy(&cmd_get, argc, argv, &g.copy, d);
	return status ? status : get(&g, d);
}

const struct command cmd_get = {
	.name = "get",
	.summary = "get files out of a running instance",
	.help = help,
	.run = run,
};
