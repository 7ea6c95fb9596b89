/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "mounts.h"
#include "runtime/unit.h"
#include "system.h"

#define AGENT INIT_FOLDER "/wuguest"
#define FSTAB "/etc/fstab"
#define INITTAB "/etc/inittab"
#define MACHINE_ID "/etc/machine-id"
#define UNITS "/run/systemd/system"
#define WANTED UNITS "/default.target.wants"

/* Started once all else is up. It ends when the system is shut down, and with the system;
 * a process that the OOM killer ends is a script's own affair. */
static const char service[] = "[Unit]\n"
			      "Description=Work unit\n"
			      "DefaultDependencies=no\n"
			      "After=default.target\n"
			      "Conflicts=shutdown.target\n"
			      "Before=shutdown.target\n"
			      "FailureAction=reboot-immediate\n"
			      "[Service]\n"
			      "ExecStart=" AGENT " --daemon\n"
			      "StandardInput=null\n"
			      "StandardOutput=null\n"
			      "OOMPolicy=continue\n"
			      "TasksMax=infinity\n";

/* Read by sysvinit and BusyBox's init alike: "null" is a name to one, a terminal to the
 * other. */
static const char entry[] = "null:2345:once:" AGENT " --daemon\n";

/* What BusyBox's init does without a table. */
static const char default_entry[] = "::sysinit:/etc/init.d/rcS\n";

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put = write(fd, bytes, size);

		if (put < 0)
			return -1;
		bytes += put;
		size -= (size_t)put;
	}
	return 0;
}

static int write_file(const char *path, int flags, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode);
	int result;

	if (fd < 0)
		return -1;
	result = write_all(fd, text, strlen(text));
	return close(fd) < 0 ? -1 : result;
}

static int copy_all(int from, int to)
{
	char bytes[4096];
	ssize_t got;

	while ((got = read(from, bytes, sizeof(bytes))) > 0)
		if (write_all(to, bytes, (size_t)got) < 0)
			return -1;
	return got < 0 ? -1 : 0;
}

static int copy_file(int folder, const char *source, const char *target, mode_t mode)
{
	int from = openat(folder, source, O_RDONLY | O_CLOEXEC);
	int to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int result = from < 0 || to < 0 ? -1 : copy_all(from, to);

	if (from >= 0)
		close(from);
	if (to >= 0 && close(to) < 0)
		result = -1;
	return result;
}

/* Nobody logs in, and a login hangs up the console that others write to. */
static int tell_systemd(void)
{
	static const char *const folders[] = {"/run/systemd", UNITS, WANTED};
	static const char *const links[][2] = {
		{UNITS "/wuguest.service", WANTED "/wuguest.service"},
		{"/dev/null", UNITS "/getty.target"},
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (system_make_folder(folders[i]) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			return -1;
	/* Without the file, which may be empty, it takes this for an installation. */
	if (write_file(MACHINE_ID, 0, 0444, "") < 0)
		return -1;
	return write_file(UNITS "/wuguest.service", O_TRUNC, 0644, service);
}

/* The last line of a table need not end. */
static int tell_inittab(void)
{
	int is_new = access(INITTAB, F_OK) < 0;

	if (write_file(INITTAB, O_APPEND, 0644, is_new ? default_entry : "\n") < 0)
		return -1;
	return write_file(INITTAB, O_APPEND, 0644, entry);
}

/* 1 where the program behind this path, links followed, is called systemd; -1 where it
 * is not there. */
static int is_systemd(const char *init)
{
	char path[64], target[4096];
	struct text t = TEXT_IN(path);
	int fd = open(init, O_PATH | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -1;
	text_add(&t, "/proc/self/fd/");
	text_add_number(&t, (uint64_t)fd);
	size = readlink(path, target, sizeof(target) - 1);
	close(fd);
	if (size < 0)
		return -1;
	target[size] = '\0';
	return strrchr(target, '/') && !strcmp(strrchr(target, '/'), "/systemd");
}

int init_prepare(const char *init, int initrd, struct text *problem)
{
	int systemd = is_systemd(init);

	if (systemd < 0)
		return mounts_fail(problem, init, "cannot be started");
	if (system_make_folder(INIT_FOLDER) < 0 ||
		copy_file(initrd, "init", AGENT, 0755) < 0 ||
		copy_file(initrd, WU_GUEST_BASE, INIT_BASE_LINES, 0644) < 0)
		return mounts_fail(problem, AGENT, "cannot make it");
	/* The disks that it names are those of another machine. */
	if (access(FSTAB, F_OK) == 0 && write_file(FSTAB, O_TRUNC, 0644, "") < 0)
		return mounts_fail(problem, FSTAB, "cannot empty it");
	if ((systemd ? tell_systemd() : tell_inittab()) < 0)
		return mounts_fail(problem, init, "cannot be told of the agent");
	return 0;
}

void init_become(const char *init, struct text *problem)
{
	char *argv[] = {(char *)(uintptr_t)init, NULL};

	execve(init, argv, environ);
	mounts_fail(problem, init, "cannot be started");
}
