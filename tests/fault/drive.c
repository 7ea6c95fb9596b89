/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drive: runs a command again and again, each time with the next of its calls gone wrong
 * (shim.c), and holds each run against what it promises: an error is told, with its
 * cause; the target is the old one or the new one; the user's file is safe; and the next
 * run gives what an undisturbed one gives and leaves nothing behind. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/file.h"
#include "common/memory.h"
#include "look.h"
#include "shim.h"

static const char usage[] =
	"usage: drive [OPTIONS] SHIM KIND TEMPLATE TARGET COMMAND...\n"
	"\n"
	"  TEMPLATE      a folder with source/, place/, cache/ and tmp/; COMMAND runs in a\n"
	"                copy of it\n"
	"  TARGET        in it, below place/: what COMMAND makes\n"
	"  -c            of the allocations, only those from the first change of a file on\n"
	"  -i FOLDER     a cache: files in it that digests name may come and go\n"
	"  -m MINIMUM    fewer faults than this are a failure: nothing was tested\n"
	"  -t CALL:NAME  a failure of this call (none named: of any) on a path that holds\n"
	"                NAME may be passed over in silence\n"
	"  -u NAME       a file of the user's in the target\n"
	"\n"
	"Prints a line of counts, and what went wrong on standard error.\n";

#define LOG_FD 77
#define GO_FD 78
#define STEP_FD 79
#define TOLD_LINES 4
#define TOLERATED_MOST 32
#define MOST_COMPLAINTS 2000

const int memory_exit_status = 2;

enum outcome { REPORTED, TOLERATED, COPED, DIED, SILENT, BROKEN, OUTCOMES };

struct setup {
	const char *shim, *kind, *from, *target, *guest, *cache;
	char **command;
	const char *tolerated[TOLERATED_MOST];
	size_t tolerated_count;
	unsigned long minimum;
	int workers, only_changing;
};

/* One worker's own folders and findings. */
struct worker {
	const struct setup *setup;
	int number;
	char *top, *err, *log;
	struct looker looker;
	struct look before, after; /* of a run undisturbed */
	int dirty;
	unsigned long counts[OUTCOMES];
	unsigned long complaints;
	pid_t stepper; /* a run that starts one for each allocation, or 0 */
	int go, steps;
};

static _Noreturn void stop(const char *what)
{
	perror(what);
	exit(2);
}

static int run_program(const char *const argv[])
{
	pid_t child = fork();
	int status;

	if (child < 0)
		stop("fork");
	if (child == 0) {
		execvp(argv[0], (char *const *)(const void *)argv);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0)
		stop("waitpid");
	return status;
}

static void copy(const struct worker *w, const char *how, const char *name)
{
	char *from = memory_printf("%s/%s", w->setup->from, name);
	char *to = memory_printf("%s/%s", w->top, name);
	const char *const argv[] = {"cp", how, from, to, NULL};
	struct diag d = {0};

	if (file_remove_tree(AT_FDCWD, to, &d) < 0 || run_program(argv) != 0)
		stop(to);
	free(from);
	free(to);
}

/* Links, since nothing may be written in place: the digests would tell. */
static void restore(struct worker *w)
{
	copy(w, "-al", "place");
	copy(w, "-al", "cache");
	copy(w, "-al", "tmp");
	w->dirty = 0;
}

static void redirect(const char *path, int fd)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);

	if (file < 0 || dup2(file, fd) < 0)
		_exit(126);
	close(file);
}

static void set_folder(const struct worker *w, const char *variable, const char *name)
{
	char *path = memory_printf("%s/%s", w->top, name);

	setenv(variable, path, 1);
	free(path);
}

static _Noreturn void become(const struct worker *w, unsigned long at)
{
	const struct setup *s = w->setup;
	char number[24];

	redirect(w->err, 2);
	redirect("/dev/null", 1);
	set_folder(w, "XDG_CACHE_HOME", "cache");
	set_folder(w, "TMPDIR", "tmp");
	if (chdir(w->top) < 0)
		_exit(126);
	if (at != 0) {
		redirect(w->log, LOG_FD);
		snprintf(number, sizeof(number), "%lu", at);
		setenv("FAULT_AT", number, 1);
		setenv("FAULT_KIND", s->kind, 1);
		snprintf(number, sizeof(number), "%d", LOG_FD);
		setenv("FAULT_LOG", number, 1);
	}
	setenv("LD_PRELOAD", s->shim, 1);
	alarm(FAULT_SECONDS);
	signal(SIGINT, SIG_DFL); /* who runs us in the background had it ignored */
	execvp(s->command[0], s->command);
	_exit(127);
}

static int run_command(struct worker *w, unsigned long at)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		stop("fork");
	if (child == 0)
		become(w, at);
	if (waitpid(child, &status, 0) < 0)
		stop("waitpid");
	return status;
}

static char *read_text(const char *path)
{
	struct diag d = {0};
	char *text = file_read(AT_FDCWD, path, (size_t)1 << 20, NULL, &d);

	if (!text)
		stop(path);
	return text;
}

static int is_memory(const struct setup *s)
{
	return strstr(s->kind, "memory") != NULL;
}

static const char *cause(const struct setup *s)
{
	if (is_memory(s))
		return "memory";
	return strcmp(s->kind, "eio") == 0 ? strerror(EIO) : strerror(ENOSPC);
}

/* A few lines, one of which names a thing and the cause. */
static int tells(const struct setup *s, const char *text)
{
	const char *found = strstr(text, cause(s));
	int lines = 0;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	return found && lines >= 1 && lines <= TOLD_LINES && strstr(text, ": ") &&
	       (is_memory(s) || strchr(text, ':') < found - 2);
}

/* The log's line is the call, a tab and the file's path. */
static int is_tolerated(const struct setup *s, const char *hit)
{
	const char *tab = strchr(hit, '\t');

	for (size_t i = 0; tab && i < s->tolerated_count; i++) {
		const char *colon = strchr(s->tolerated[i], ':');
		size_t call = (size_t)(colon - s->tolerated[i]);

		if ((call == 0 || (call == (size_t)(tab - hit) &&
					  strncmp(hit, s->tolerated[i], call) == 0)) &&
			strstr(tab, colon + 1))
			return 1;
	}
	return 0;
}

static enum outcome complain(struct worker *w, unsigned long at, const char *hit,
	const char *what, enum outcome as)
{
	char *text = read_text(w->err);

	if (w->complaints++ < MOST_COMPLAINTS)
		fprintf(stderr, "%s %lu: %.*s: %s\n%s", w->setup->kind, at,
			(int)strcspn(hit, "\n"), hit, what, text);
	free(text);
	return as;
}

static int is_deadly(const struct setup *s)
{
	return strcmp(s->kind, "kill") == 0 || strcmp(s->kind, "killed") == 0 ||
	       strcmp(s->kind, "interrupt") == 0;
}

/* What a run left must be the old state or the new one, and the user's file. Where names
 * cannot be exchanged the old one steps aside: who dies then leaves none. */
static const char *find_damage(const struct worker *w, const struct look *now)
{
	if (w->before.guest_lives && !now->guest_lives)
		return "the user's file is lost";
	if (is_deadly(w->setup) && !*now->target.bytes)
		return NULL;
	if (look_has_same_target(now, &w->before) || look_has_same_target(now, &w->after))
		return NULL;
	return "the target is neither the old one nor the new one";
}

static enum outcome judge_status(struct worker *w, unsigned long at, const char *hit,
	int status, const struct look *now)
{
	const char *kind = w->setup->kind;
	char *text;
	int told;

	if (is_deadly(w->setup))
		return WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM
			       ? DIED
			       : complain(w, at, hit, "lives on", BROKEN);
	if (WIFSIGNALED(status))
		return complain(w, at, hit, strsignal(WTERMSIG(status)), BROKEN);
	if (WEXITSTATUS(status) == 0) {
		if (!look_has_same_target(now, &w->after))
			return complain(w, at, hit, "success without it", BROKEN);
		if (is_tolerated(w->setup, hit))
			return TOLERATED;
		if (!look_is_same(now, &w->after))
			return complain(w, at, hit, "success with litter", BROKEN);
		return strcmp(kind, "short") == 0 || is_memory(w->setup)
			       ? COPED
			       : complain(w, at, hit, "not told", SILENT);
	}
	text = read_text(w->err);
	told = WEXITSTATUS(status) == 1 && tells(w->setup, text);
	free(text);
	return told ? REPORTED : complain(w, at, hit, "not told as it is", BROKEN);
}

static enum outcome check_next(struct worker *w, unsigned long at, const char *hit,
	const struct look *now, enum outcome so_far)
{
	struct look next;
	int status;

	if (look_is_same(now, &w->before))
		return so_far; /* then the next run is the undisturbed one */
	w->dirty = 1;
	status = run_command(w, 0);
	look_at(&w->looker, &next);
	if (status != 0)
		so_far = complain(w, at, hit, "the next run fails", BROKEN);
	else if (!look_is_same(&next, &w->after)) {
		so_far = complain(
			w, at, hit, "the next run gives or leaves another", BROKEN);
		fprintf(stderr, "%s%s", next.target.bytes, next.rest.bytes);
	}
	look_clear(&next);
	return so_far;
}

/* 0 where the command has no such call any more. */
static int judge(struct worker *w, unsigned long at, int status)
{
	const char *damage;
	enum outcome o;
	struct look now;
	char *hit = read_text(w->log);

	if (!*hit) {
		free(hit);
		if (status != 0)
			w->counts[complain(w, at, "no call", "fails", BROKEN)]++;
		return 0;
	}
	look_at(&w->looker, &now);
	o = judge_status(w, at, hit, status, &now);
	damage = find_damage(w, &now);
	if (damage)
		o = complain(w, at, hit, damage, BROKEN);
	w->counts[check_next(w, at, hit, &now, o)]++;
	look_clear(&now);
	free(hit);
	return 1;
}

/* The stepper's end of the pipes is at GO_FD and STEP_FD. */
static void start_stepper(struct worker *w, unsigned long at)
{
	int go[2], steps[2];

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(steps, O_CLOEXEC) < 0)
		stop("pipe");
	w->stepper = fork();
	if (w->stepper < 0)
		stop("fork");
	if (w->stepper == 0) {
		char *text = memory_printf("%d,%d,%d", w->setup->workers, GO_FD, STEP_FD);

		setenv("FAULT_STEP", text, 1);
		if (dup2(go[0], GO_FD) < 0 || dup2(steps[1], STEP_FD) < 0)
			_exit(126);
		become(w, at);
	}
	close(go[0]);
	close(steps[1]);
	w->go = go[1];
	w->steps = steps[0];
}

static void stop_stepper(struct worker *w)
{
	int status;

	close(w->go);
	close(w->steps);
	if (waitpid(w->stepper, &status, 0) < 0 || status != 0)
		stop("a stepper");
	w->stepper = 0;
}

static void next_step(struct worker *w)
{
	if (truncate(w->err, 0) < 0 || truncate(w->log, 0) < 0 ||
		write(w->go, "", 1) != 1)
		stop("a stepper");
}

/* What the stepper opened before a run is stale where that put a new one in its place. */
static ino_t target_inode(const struct worker *w)
{
	char *path = memory_printf("%s/%s", w->top, w->setup->target);
	struct stat st = {0};

	if (lstat(path, &st) < 0)
		st.st_ino = 0;
	free(path);
	return st.st_ino;
}

/* All allocations up to the first change. Returns the first that is left to do. */
static unsigned long step(struct worker *w, unsigned long at)
{
	struct step s;
	ino_t inode = 0;

	for (;;) {
		if (w->dirty)
			restore(w);
		if (!w->stepper) {
			inode = target_inode(w);
			start_stepper(w, at);
		}
		if (read(w->steps, &s, sizeof(s)) != sizeof(s))
			stop("a stepper");
		if (s.ended)
			break;
		judge(w, s.call, s.status);
		w->dirty |= target_inode(w) != inode;
		at = s.call + (unsigned long)w->setup->workers;
		/* What it found before, its folders, has been replaced. */
		if (w->dirty)
			stop_stepper(w);
		else
			next_step(w);
	}
	stop_stepper(w);
	w->dirty = 1;
	while (at < s.call)
		at += (unsigned long)w->setup->workers;
	return at;
}

/* The same without a try of any. */
static unsigned long skip(struct worker *w, unsigned long at)
{
	struct step s;

	start_stepper(w, ULONG_MAX);
	if (read(w->steps, &s, sizeof(s)) != sizeof(s) || !s.ended)
		stop("a stepper");
	stop_stepper(w);
	w->dirty = 1;
	while (at < s.call)
		at += (unsigned long)w->setup->workers;
	return at;
}

static int try_one(struct worker *w, unsigned long at)
{
	if (w->dirty)
		restore(w);
	return judge(w, at, run_command(w, at));
}

static void open_worker(struct worker *w, const struct setup *s, int number)
{
	*w = (struct worker){.setup = s, .number = number};
	w->top = memory_printf("%s.%s.%d", s->from, s->kind, number);
	w->err = memory_printf("%s.err", w->top);
	w->log = memory_printf("%s.log", w->top);
	w->looker = (struct looker){
		.top = w->top, .target = s->target, .guest = s->guest, .cache = s->cache};
	if (mkdir(w->top, 0755) < 0)
		stop(w->top);
	copy(w, "-a", "source");
	restore(w);
	look_at(&w->looker, &w->before);
	if (run_command(w, 0) != 0) {
		char *text = read_text(w->err);

		fprintf(stderr, "fails undisturbed:\n%s", text);
		exit(2);
	}
	look_at(&w->looker, &w->after);
	w->dirty = 1;
}

static void close_worker(struct worker *w)
{
	struct diag d = {0};

	if (file_remove_tree(AT_FDCWD, w->top, &d) < 0)
		stop(w->top);
	unlink(w->err);
	unlink(w->log);
}

static _Noreturn void work(const struct setup *s, int number, int out)
{
	unsigned long at = (unsigned long)number + 1;
	struct worker w;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	open_worker(&w, s, number);
	if (is_memory(s))
		at = s->only_changing ? skip(&w, at) : step(&w, at);
	for (; try_one(&w, at); at += (unsigned long)s->workers)
		;
	close_worker(&w);
	if (file_write(out, w.counts, sizeof(w.counts)) < 0)
		stop("pipe");
	exit(0);
}

static int read_options(struct setup *s, int argc, char **argv)
{
	int c;

	*s = (struct setup){.workers = (int)sysconf(_SC_NPROCESSORS_ONLN), .minimum = 1};
	while ((c = getopt(argc, argv, "+ct:u:m:i:")) != -1) {
		if (c == 't' && strchr(optarg, ':') &&
			s->tolerated_count < TOLERATED_MOST)
			s->tolerated[s->tolerated_count++] = optarg;
		else if (c == 'c')
			s->only_changing = 1;
		else if (c == 'i')
			s->cache = optarg;
		else if (c == 'u')
			s->guest = optarg;
		else if (c == 'm')
			s->minimum = strtoul(optarg, NULL, 10);
		else
			return -1;
	}
	if (argc - optind < 5)
		return -1;
	s->shim = argv[optind];
	s->kind = argv[optind + 1];
	s->from = argv[optind + 2];
	s->target = argv[optind + 3];
	s->command = argv + optind + 4;
	return 0;
}

/* All workers' counts; exits where one of them could not do its work. */
static void collect(const struct setup *s, unsigned long counts[OUTCOMES])
{
	unsigned long part[OUTCOMES];
	int pipes[2], status, failed = 0;

	if (pipe(pipes) < 0)
		stop("pipe");
	for (int i = 0; i < s->workers; i++) {
		pid_t child = fork();

		if (child < 0)
			stop("fork");
		if (child == 0)
			work(s, i, pipes[1]);
	}
	close(pipes[1]);
	while (read(pipes[0], part, sizeof(part)) == sizeof(part))
		for (int i = 0; i < OUTCOMES; i++)
			counts[i] += part[i];
	while (wait(&status) > 0)
		failed |= status;
	if (failed)
		exit(2);
}

int main(int argc, char **argv)
{
	unsigned long counts[OUTCOMES] = {0}, all = 0;
	struct setup s;

	if (read_options(&s, argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	collect(&s, counts);
	for (int i = 0; i < OUTCOMES; i++)
		all += counts[i];
	printf("%s: injected %lu, reported %lu, tolerated %lu, coped with %lu, died %lu, "
	       "silent %lu, broken %lu\n",
		s.kind, all, counts[REPORTED], counts[TOLERATED], counts[COPED],
		counts[DIED], counts[SILENT], counts[BROKEN]);
	if (all < s.minimum)
		fprintf(stderr, "expected at least %lu faults\n", s.minimum);
	return all < s.minimum || counts[SILENT] || counts[BROKEN];
}
