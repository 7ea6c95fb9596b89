/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/workdir.h"
#include "process.h"

#define IDS_NEEDED 65536
#define IDS_LIMIT_BYTES (1024 * 1024)

const char *const *debian_unshare_options(void)
{
	/* As root, namespaces of processes and mounts alone: what is killed half way
	 * leaves no process and no mount. No network in any case. */
	static const char *const as_root[] = {"--mount", "--pid", "--fork",
		"--kill-child", "--mount-proc", "--ipc", "--uts", "--net", NULL};
	static const char *const as_user[] = {"--map-auto", "--map-root-user", "--mount",
		"--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--uts",
		"--net", NULL};

	return geteuid() == 0 ? as_root : as_user;
}

/* "user:100000:65536" */
static int is_range_of(const char *line, const char *user, uid_t uid)
{
	const char *colon = strchr(line, ':');
	const char *second = colon ? strchr(colon + 1, ':') : NULL;
	size_t length = colon ? (size_t)(colon - line) : 0;
	char number[24];

	snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
	if (!second || strtoull(second + 1, NULL, 10) < IDS_NEEDED)
		return 0;
	return (user && strlen(user) == length && strncmp(line, user, length) == 0) ||
	       (strlen(number) == length && strncmp(line, number, length) == 0);
}

int debian_has_ids(const char *text, const char *user, uid_t uid)
{
	size_t length;

	for (const char *p = text; *p; p += length + (p[length] == '\n')) {
		char *line;
		int found;

		length = strcspn(p, "\n");
		line = strndup(p, length);
		found = line && is_range_of(line, user, uid);
		free(line);
		if (found)
			return 1;
	}
	return 0;
}

static int file_has_ids(const char *path, const char *user, uid_t uid)
{
	struct diag ignored = {0};
	size_t size;
	char *text = file_read(AT_FDCWD, path, IDS_LIMIT_BYTES, &size, &ignored);
	int found = text && debian_has_ids(text, user, uid);

	free(text);
	diag_clear(&ignored);
	return found;
}

static int check_ids(const char *base_name, struct diag *d)
{
	static const char *const files[] = {"/etc/subuid", "/etc/subgid"};
	uid_t uid = geteuid();
	const struct passwd *entry = getpwuid(uid);
	const char *user = entry ? entry->pw_name : NULL;
	char number[24];

	snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (!file_has_ids(files[i], user, uid))
			return diag_fail(d,
				"base %s: %s gives user %s no range of 65536 ids, which "
				"Debian packages need; have root run `usermod "
				"--add-subuids 100000-165535 --add-subgids "
				"100000-165535 %s`, with a range that is free",
				base_name, files[i], user ? user : number,
				user ? user : "USER");
	}
	return 0;
}

/* Whether the kernel gives this user namespaces: errno, or 0. */
static int try_namespaces(int flags)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0)
		_exit(unshare(flags) < 0 ? errno & 0xff : 0);
	if (child < 0)
		return errno;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static int check_namespaces(const char *base_name, struct diag *d)
{
	int root = geteuid() == 0;
	int error = try_namespaces(root ? CLONE_NEWNS | CLONE_NEWPID : CLONE_NEWUSER);

	if (error == 0)
		return 0;
	errno = error;
	if (root)
		return diag_fail_errno(d,
			"base %s: root may not make namespaces here; build it as a plain "
			"user, or give this container CAP_SYS_ADMIN",
			base_name);
	return diag_fail_errno(d,
		"base %s: users may not make namespaces here (see the sysctls "
		"user.max_user_namespaces, kernel.unprivileged_userns_clone and "
		"kernel.apparmor_restrict_unprivileged_userns); allow them, or build it "
		"as root",
		base_name);
}

static int check_programs(const char *base_name, struct diag *d)
{
	static const char *const programs[][2] = {
		{MMDEBSTRAP, "mmdebstrap"},
		{UNSHARE, "util-linux"},
		{"/usr/bin/newuidmap", "uidmap"},
		{"/usr/bin/newgidmap", "uidmap"},
	};
	size_t count = geteuid() == 0 ? 2 : sizeof(programs) / sizeof(*programs);

	for (size_t i = 0; i < count; i++) {
		if (access(programs[i][0], X_OK) < 0)
			return diag_fail_errno(d,
				"base %s: Debian packages are installed by mmdebstrap: "
				"have the package %s installed: %s",
				base_name, programs[i][1], programs[i][0]);
	}
	return 0;
}

int debian_check_host(const char *base_name, struct diag *d)
{
	if (check_programs(base_name, d) < 0)
		return -1;
	if (geteuid() != 0 && check_ids(base_name, d) < 0)
		return -1;
	return check_namespaces(base_name, d);
}

/* As root of a namespace the user owns its subordinate ids' files. */
static int remove_as_root(int dirfd, const char *name, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	CLEANUP(buffer_clear) struct buffer err = {0};
	const char *const argv[] = {UNSHARE, "--map-auto", "--map-root-user", "--",
		"/usr/bin/rm", "-rf", "--", name, NULL};
	int status = process_run(argv, dirfd, &out, &err, d);

	if (status > 0)
		return diag_fail(d, "%s: cannot be removed: %s", name,
			err.bytes ? err.bytes : "?");
	return status;
}

int debian_remove_folder(int dirfd, const char *name, struct diag *d)
{
	struct diag why = {0};
	int rc = file_remove_tree(dirfd, name, &why);

	if (rc < 0 && geteuid() != 0) {
		diag_clear(&why);
		rc = remove_as_root(dirfd, name, &why);
	}
	diag_move(d, &why);
	return rc;
}

void debian_remove_abandoned(int dirfd, const char *prefix)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct diag ignored = {0};
	struct dirent *e;

	if (!dir) {
		file_close(&fd);
		return;
	}
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 &&
			!workdir_is_held(dirfd, e->d_name))
			debian_remove_folder(dirfd, e->d_name, &ignored);
	}
	diag_clear(&ignored);
	closedir(dir);
}
