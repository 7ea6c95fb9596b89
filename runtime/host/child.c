/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

static void become_child(pid_t parent)
{
	static const int reset[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD};
	sigset_t none;

	/* Where the parent went between fork and prctl, nobody would send the signal. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		signal(reset[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t child_fork(int *pidfd, struct diag *d)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return (pid_t)diag_fail_errno(d, "fork");
	if (pid == 0) {
		become_child(parent);
		return 0;
	}
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*pidfd < 0) {
		diag_fail_errno(d, "pidfd_open (Linux 5.3 or newer is needed)");
		kill(pid, SIGKILL);
		child_reap(pid);
		return -1;
	}
	return pid;
}

int child_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

char *child_find_program(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? memory_strdup(name) : NULL;
	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t length = strcspn(p, ":");
		char *candidate = memory_printf("%.*s/%s", (int)length, p, name);

		if (length > 0 && access(candidate, X_OK) == 0)
			return candidate;
		free(candidate);
		p += length + (p[length] == ':');
	}
	return NULL;
}

static void exec_into_pipe(int folder, char *const *argv, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (folder != AT_FDCWD && fchdir(folder) < 0)
		_exit(127);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2)
		execv(argv[0], argv);
	_exit(127);
}

int child_read_output(
	char *const *argv, size_t limit, char **output, int *status, struct diag *d)
{
	return child_read_output_in(AT_FDCWD, argv, limit, output, status, d);
}

int child_read_output_in(int folder, char *const *argv, size_t limit, char **output,
	int *status, struct diag *d)
{
	struct buffer b = {0};
	char chunk[4096];
	CLEANUP(file_close) int pidfd = -1;
	int ends[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return diag_fail_errno(d, "pipe");
	pid = child_fork(&pidfd, d);
	if (pid == 0)
		exec_into_pipe(folder, argv, ends[1]);
	close(ends[1]);
	buffer_add(&b, "", 0);
	while (pid > 0 && ((n = read(ends[0], chunk, sizeof(chunk))) > 0 ||
				  (n < 0 && errno == EINTR)))
		if (n > 0 && b.size + (size_t)n <= limit)
			buffer_add(&b, chunk, (size_t)n);
	close(ends[0]);
	if (pid < 0) {
		buffer_clear(&b);
		return -1;
	}
	*status = child_reap(pid);
	*output = b.bytes;
	return 0;
}
