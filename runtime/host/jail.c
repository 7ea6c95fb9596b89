/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_FD 3
#define KEEP_LIMIT 8

/* In newer kernel headers; the numbers are the kernel's interface. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define LANDLOCK_FIRST_VERSION_RIGHTS ((1ULL << 13) - 1)

int jail_keep_descriptors(const int *keep, int count)
{
	int high[KEEP_LIMIT];

	if (count > KEEP_LIMIT) {
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < count; i++) {
		high[i] = fcntl(keep[i], F_DUPFD_CLOEXEC, FIRST_FD + KEEP_LIMIT);
		if (high[i] < 0)
			return -1;
	}
	for (int i = 0; i < count; i++)
		if (dup2(high[i], FIRST_FD + i) < 0)
			return -1;
	return (int)syscall(SYS_close_range, FIRST_FD + (unsigned)count, ~0u, 0);
}

static int set_limit(int which, uint64_t value)
{
	const struct rlimit limit = {value, value};

	return setrlimit((__rlimit_resource_t)which, &limit);
}

static int set_limits(const struct jail_limits *l, struct diag *d)
{
	if (set_limit(RLIMIT_AS, l->memory_bytes) < 0 ||
		set_limit(RLIMIT_CPU, l->cpu_seconds) < 0 ||
		set_limit(RLIMIT_FSIZE, l->file_bytes) < 0 ||
		set_limit(RLIMIT_NOFILE, l->descriptors) < 0 ||
		set_limit(RLIMIT_NPROC, 0) < 0 || set_limit(RLIMIT_CORE, 0) < 0)
		return diag_fail_errno(d, "resource limits");
	/* A file over its limit is an error to report, not a death. */
	signal(SIGXFSZ, SIG_IGN);
	return 0;
}

/* What the kernel's version of Landlock can forbid. */
static uint64_t rights_of_version(long version)
{
	uint64_t rights = LANDLOCK_FIRST_VERSION_RIGHTS;

	if (version >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	return rights;
}

/* Best effort: kernels without Landlock have the other walls. */
static int restrict_files(int root, struct diag *d)
{
	struct landlock_ruleset_attr ruleset = {0};
	struct landlock_path_beneath_attr beneath = {.parent_fd = root};
	long version = syscall(
		SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int fd, rc;

	if (version < 1)
		return 0;
	ruleset.handled_access_fs = rights_of_version(version);
	beneath.allowed_access =
		ruleset.handled_access_fs &
		(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
			LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
			LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |
			LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE);
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (fd < 0)
		return diag_fail_errno(d, "Landlock");
	rc = syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) <
		     0 ||
	     syscall(SYS_landlock_restrict_self, fd, 0) < 0;
	if (rc)
		diag_fail_errno(d, "Landlock");
	close(fd);
	return rc ? -1 : 0;
}

static int allow_calls(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write),
		SCMP_SYS(pwrite64), SCMP_SYS(copy_file_range), SCMP_SYS(lseek),
		SCMP_SYS(close), SCMP_SYS(openat), SCMP_SYS(mkdirat), SCMP_SYS(linkat),
		SCMP_SYS(symlinkat), SCMP_SYS(ftruncate), SCMP_SYS(fstat),
		SCMP_SYS(newfstatat), SCMP_SYS(fchmod), SCMP_SYS(utimensat),
		SCMP_SYS(syncfs), SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap),
		SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
		SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigreturn),
		SCMP_SYS(rt_sigprocmask), SCMP_SYS(tgkill), SCMP_SYS(restart_syscall),
		SCMP_SYS(exit), SCMP_SYS(exit_group)};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

		if (rc < 0)
			return rc;
	}
	/* Memory, but none that can be run. */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int filter_calls(struct diag *d)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc;

	if (!filter)
		return diag_fail(d, "seccomp: out of memory");
	rc = allow_calls(filter);
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc < 0)
		return diag_fail(d, "seccomp: %s", strerror(-rc));
	return 0;
}

int jail_enter(const struct jail_limits *limits, int root, struct diag *d)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return diag_fail_errno(d, "prctl");
	if (restrict_files(root, d) < 0 || set_limits(limits, d) < 0)
		return -1;
	return filter_calls(d);
}
