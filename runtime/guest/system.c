/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "folder.h"
#include "network.h"
#include "say.h"
#include "text.h"

#define MODULE_LIST "/etc/modules"

/* What the agent and the kernel need to end a run in a guest without memory: the OOM
 * killer frees no file. */
#define KEPT_FREE ((uint64_t)20 << 20)
/* A bound of 0 would be none. */
#define PAGE 4096

struct place {
	const char *target, *type, *options;
	unsigned long flags;
};

static const struct place places[] = {
	{"/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"/dev", "devtmpfs", "mode=0755", MS_NOSUID | MS_NOEXEC},
	{"/dev/pts", "devpts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
	{"/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
	{"/tmp", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
	{"/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV},
};

static const char *const links[][2] = {
	{"/proc/self/fd", "/dev/fd"},
	{"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"},
	{"/proc/self/fd/2", "/dev/stderr"},
};

int system_make_folder(const char *path)
{
	struct stat s;

	if (mkdir(path, 0755) == 0)
		return 0;
	if (errno != EEXIST || lstat(path, &s) < 0)
		return -1;
	if (S_ISDIR(s.st_mode))
		return 0;
	return unlink(path) < 0 ? -1 : mkdir(path, 0755);
}

int system_make_path(const char *path)
{
	char bytes[4096];
	struct text t = TEXT_IN(bytes);
	struct stat s;

	for (size_t length = 1; path[length - 1]; length++) {
		if (path[length] && path[length] != '/')
			continue;
		text_cut_back(&t, 0);
		text_add_bytes(&t, path, length);
		if (mkdir(bytes, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	if (stat(path, &s) < 0)
		return -1;
	errno = ENOTDIR;
	return S_ISDIR(s.st_mode) ? 0 : -1;
}

static void mount_place(const struct place *p)
{
	if (system_make_folder(p->target) < 0)
		say(p->target, "cannot make it", strerror(errno));
	/* EBUSY: the initrd, or the kernel, has mounted it already. */
	if (mount(p->type, p->target, p->type, p->flags, p->options) < 0 &&
		errno != EBUSY)
		say(p->target, "cannot mount it", strerror(errno));
}

int system_bound_memory(const char *target, unsigned percent)
{
	char bytes[64];
	struct text options = TEXT_IN(bytes);
	struct sysinfo now;
	uint64_t free;

	if (sysinfo(&now) < 0)
		return -1;
	free = (uint64_t)now.freeram * now.mem_unit;
	text_add(&options, "size=");
	text_add_number(&options,
		(free > KEPT_FREE ? free - KEPT_FREE : 0) / 100 * percent + PAGE);
	return mount(NULL, target, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, bytes);
}

static void bound_places(void)
{
	if (system_bound_memory("/tmp", 50) < 0 ||
		system_bound_memory("/dev/shm", 30) < 0)
		say("/tmp and /dev/shm", "cannot bound them", strerror(errno));
}

void system_open_standard_files(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	if (fd < 0)
		fd = open("/", O_PATH);
	while (fd >= 0 && fd < STDERR_FILENO)
		fd = dup(fd);
	if (fd > STDERR_FILENO)
		close(fd);
}

void system_open_console(void)
{
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void system_prepare(void)
{
	umask(0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		mount_place(&places[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			say(links[i][1], "cannot make it", strerror(errno));
	bound_places();
	if (sethostname("workunit", strlen("workunit")) < 0)
		say("host name", strerror(errno), NULL);
	network_raise_loopback();
	/* An initrd that does not say leaves "/" open to everybody. */
	if (chmod("/", 0755) < 0)
		say("/", "cannot protect it", strerror(errno));
	umask(022);
}

void system_load_module(int initrd, const char *path)
{
	int fd = openat(initrd, path + strspn(path, "/"), O_RDONLY | O_CLOEXEC);

	/* EEXIST: it is loaded, or the kernel has it built in. */
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		say("module", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void system_load_modules(int initrd)
{
	char list[16384];
	ssize_t size = folder_read_file(AT_FDCWD, MODULE_LIST, list, sizeof(list));
	char *rest = list;

	if (size < 0) {
		if (errno != ENOENT)
			say(MODULE_LIST, strerror(errno), NULL);
		return;
	}
	for (char *path = strtok_r(list, "\n", &rest); path;
		path = strtok_r(NULL, "\n", &rest))
		if (*path != '#')
			system_load_module(initrd, path);
}
