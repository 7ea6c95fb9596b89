/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

#define NOT_EXECUTED 126

static void reset_signals(void)
{
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		signal(n, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The agent's own exemption from the OOM killer is not for scripts. */
static int reset_oom_score(void)
{
	int fd, result;

	/* The first process never had one. */
	if (getppid() == 1)
		return 0;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	result = write(fd, "0", 1) == 1 ? 0 : -1;
	close(fd);
	return result;
}

static int set_files(const struct launch *l)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -1;
	if (dup2(l->out, STDOUT_FILENO) < 0 || dup2(l->err, STDERR_FILENO) < 0)
		return -1;
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

/* The groups go first: without root they could not. */
static int become_user(const struct user *u)
{
	if (setgroups(u->group_count, u->groups) < 0 || setgid(u->group) < 0 ||
		setuid(u->id) < 0)
		return -1;
	return u->id ? prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;
}

static int prepare(const struct launch *l)
{
	umask(022);
	if (setsid() < 0 || reset_oom_score() < 0 || set_files(l) < 0)
		return -1;
	if (become_user(l->user) < 0)
		return -1;
	return chdir(l->folder);
}

/* The value of PATH, or "". */
static const char *find_path(char *const *environment)
{
	for (; *environment; environment++)
		if (!strncmp(*environment, "PATH=", 5))
			return *environment + 5;
	return "";
}

/* As a shell would; returns where there is no such program, with errno. */
static void search_and_execute(const struct launch *l)
{
	const char *folder = find_path(l->environment), *end;
	int error = ENOENT;

	for (; *folder; folder = end + (*end == ':')) {
		char bytes[4096];
		struct text t = TEXT_IN(bytes);

		end = folder + strcspn(folder, ":");
		text_add_bytes(&t, folder, (size_t)(end - folder));
		text_add(&t, "/");
		text_add(&t, l->path);
		if (!t.cut)
			execve(bytes, l->argv, l->environment);
		if (errno != ENOENT && errno != ENOTDIR)
			error = errno;
	}
	errno = error;
}

static void execute(const struct launch *l)
{
	char *argv[] = {(char *)(uintptr_t)l->path, NULL};

	if (!l->argv)
		execve(l->path, argv, l->environment);
	else if (strchr(l->path, '/'))
		execve(l->path, l->argv, l->environment);
	else
		search_and_execute(l);
}

/* Runs in the agent's own memory, so that no copy of it has to be made: what it changes
 * there is *error. */
static void become(const struct launch *l, volatile int *error)
	__attribute__((noreturn, noinline));
static void become(const struct launch *l, volatile int *error)
{
	reset_signals();
	if (prepare(l) == 0)
		execute(l);
	*error = errno;
	_exit(NOT_EXECUTED);
}

pid_t launch_script(const struct launch *l, int *error)
{
	volatile int failed = 0;
	pid_t pid = vfork();

	/* We go on once the program is executed, or could not be. */
	if (pid == 0)
		become(l, &failed);
	*error = failed;
	return pid;
}
