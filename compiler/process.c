/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"

#define OUTPUT_LIMIT_BYTES (16 * 1024 * 1024)
#define CANNOT_RUN 127

/* An alarm and limits outlive the exec. */
static int limit(const struct process_limits *l)
{
	struct rlimit memory = {l->memory_bytes, l->memory_bytes};
	struct rlimit no_core = {0, 0};

	if (l->memory_bytes && setrlimit(RLIMIT_AS, &memory) < 0)
		return -1;
	alarm(l->seconds);
	return setrlimit(RLIMIT_CORE, &no_core);
}

static void __attribute__((noreturn)) become(const char *const argv[], int dirfd,
	const struct process_limits *limits, pid_t parent, int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(CANNOT_RUN);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(CANNOT_RUN);
	if (limits && limit(limits) < 0)
		_exit(CANNOT_RUN);
	if (fchdir(dirfd) < 0 || setenv("LC_ALL", "C.UTF-8", 1) < 0)
		_exit(CANNOT_RUN);
	/* execv() takes its vector without const for history's sake only. */
	execv(argv[0], (char *const *)(const void *)argv);
	_exit(CANNOT_RUN);
}

/* An unnamed file in memory holds the output: no pipe to drain, nothing to leave behind.
 */
static int read_output(int fd, struct buffer *b)
{
	char chunk[65536];
	off_t offset = 0;
	ssize_t n;

	while ((n = pread(fd, chunk, sizeof(chunk), offset)) > 0) {
		if (offset + n > OUTPUT_LIMIT_BYTES) {
			errno = EFBIG;
			return -1;
		}
		buffer_add(b, chunk, (size_t)n);
		offset += n;
	}
	return n < 0 ? -1 : 0;
}

static int wait_for(pid_t child, int *status)
{
	while (waitpid(child, status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return 0;
}

int process_run_within(const char *const argv[], int dirfd,
	const struct process_limits *limits, struct buffer *out, struct buffer *err,
	struct diag *d)
{
	CLEANUP(file_close) int out_fd = memfd_create("out", MFD_CLOEXEC);
	CLEANUP(file_close) int err_fd = memfd_create("err", MFD_CLOEXEC);
	pid_t parent = getpid(), child;
	int status;

	if (out_fd < 0 || err_fd < 0)
		return diag_fail_errno(d, "%s", argv[0]);
	if (access(argv[0], X_OK) < 0)
		return diag_fail_errno(d, "%s", argv[0]);
	child = fork();
	if (child < 0)
		return diag_fail_errno(d, "%s", argv[0]);
	if (child == 0)
		become(argv, dirfd, limits, parent, out_fd, err_fd);
	if (wait_for(child, &status) < 0 || read_output(out_fd, out) < 0 ||
		read_output(err_fd, err) < 0)
		return diag_fail_errno(d, "%s", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int process_run(const char *const argv[], int dirfd, struct buffer *out,
	struct buffer *err, struct diag *d)
{
	return process_run_within(argv, dirfd, NULL, out, err, d);
}

const char *process_find(const char *name, struct arena *a)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t size = strcspn(at, ":");
		const char *path = arena_printf(a, "%.*s/%s", (int)size, at, name);

		if (*at == '/' && access(path, X_OK) == 0)
			return path;
		at += size + (at[size] == ':');
	}
	return NULL;
}
