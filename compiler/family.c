/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "family.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define CANNOT_RUN 127
#define LINE_LIMIT_BYTES 4096

/* What ends the guardian, and what it waits for. */
static void fill_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only what it is given: no descriptor that we inherited goes on. */
static int place_descriptors(const struct family *f, int err)
{
	int null = open("/dev/null", O_RDONLY);
	int input = f->input < 0 ? null : f->input;
	/* Out of the way of the numbers that they are to have. */
	int in = fcntl(input, F_DUPFD, FAMILY_INPUT + 1);
	int out = fcntl(f->output, F_DUPFD, FAMILY_INPUT + 1);
	int error = fcntl(err, F_DUPFD, FAMILY_INPUT + 1);

	if (null < 0 || in < 0 || out < 0 || error < 0)
		return -1;
	if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(error, 2) < 0 ||
		dup2(in, FAMILY_INPUT) < 0)
		return -1;
	if (close_range(3, FAMILY_INPUT - 1, 0) < 0)
		return -1;
	return close_range(FAMILY_INPUT + 1, UINT_MAX, 0);
}

static void __attribute__((noreturn))
become(const struct family *f, pid_t parent, int err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(CANNOT_RUN);
	reset_signals();
	umask(022);
	if (fchdir(f->folder) < 0 || place_descriptors(f, err) < 0)
		_exit(CANNOT_RUN);
	/* execve() takes its vectors without const for history's sake only. */
	execve(f->argv[0], (char *const *)(const void *)f->argv,
		(char *const *)(const void *)f->environment);
	_exit(CANNOT_RUN);
}

static int exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Waits for the child, and for its descendants, who are ours once it is gone. A signal
 * ends it, and so them. Returns the child's status. */
static int wait_for_all(pid_t child, const sigset_t *signals)
{
	int status, last = 0;
	pid_t ended;

	while ((ended = waitpid(-1, &status, WNOHANG)) >= 0) {
		if (ended == child) {
			last = status;
			child = -1;
		}
		if (ended == 0 && sigwaitinfo(signals, NULL) != SIGCHLD && child > 0)
			kill(child, SIGKILL);
	}
	return last;
}

/* What we hold locked is to be free when we are dead, so that it can be removed. */
static void close_others(const struct family *f)
{
	unsigned low = (unsigned)(f->folder < f->kept ? f->folder : f->kept);
	unsigned high = (unsigned)(f->folder < f->kept ? f->kept : f->folder);

	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, UINT_MAX, 0);
}

/* The process between us and the family: it sees our end, and has no other to fear than
 * the system's own. */
static void __attribute__((noreturn)) guard(const struct family *f, pid_t owner, int err)
{
	pid_t self = getpid(), child;
	sigset_t signals;
	int last;

	fill_signals(&signals);
	setsid(); /* what a terminal sends to us is not for the family */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		_exit(CANNOT_RUN);
	if (getppid() != owner)
		raise(SIGTERM);
	child = fork();
	if (child < 0)
		_exit(CANNOT_RUN);
	if (child == 0)
		become(f, self, err);
	close_others(f);
	last = wait_for_all(child, &signals);
	if (getppid() != owner)
		f->clean(f->context);
	_exit(exit_status(last));
}

/* Gives the lines on; of one that is too long, its parts. */
static int read_lines(const struct family *f, int fd)
{
	char line[LINE_LIMIT_BYTES + 1], chunk[4096];
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (ssize_t i = 0; i < n; i++) {
			int ends = strchr("\r\n", chunk[i]) != NULL;

			if (!ends)
				line[used++] = chunk[i];
			if (used > 0 && (ends || used == LINE_LIMIT_BYTES)) {
				line[used] = '\0';
				f->hear(f->context, line);
				used = 0;
			}
		}
	}
	return 0;
}

int family_run(const struct family *f, struct diag *d)
{
	CLEANUP(file_close) int heard = -1;
	pid_t owner = getpid(), guardian;
	int ends[2], status = 0;

	if (access(f->argv[0], X_OK) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return diag_fail_errno(d, "%s", f->argv[0]);
	heard = ends[0];
	guardian = fork();
	if (guardian == 0) {
		close(ends[0]);
		guard(f, owner, ends[1]);
	}
	close(ends[1]);
	if (guardian < 0)
		return diag_fail_errno(d, "%s", f->argv[0]);
	if (read_lines(f, heard) < 0)
		kill(guardian, SIGTERM);
	while (waitpid(guardian, &status, 0) < 0) {
		if (errno != EINTR)
			return diag_fail_errno(d, "%s", f->argv[0]);
	}
	return exit_status(status);
}
