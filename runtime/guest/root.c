/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "mounts.h"
#include "runtime/unit.h"
#include "system.h"

/* In the initrd, on the way to the root. */
#define PLACE "/.root"
#define DISK PLACE "/disk"
#define MEMORY PLACE "/memory"
#define CHANGES MEMORY "/changes"
#define SCRATCH MEMORY "/scratch"
#define TEMPORARY MEMORY "/tmp"
#define OVERLAY PLACE "/overlay"

#define LAYERS "lowerdir=" DISK ",upperdir=" CHANGES ",workdir=" SCRATCH

static const char *const kept[] = {"/proc", "/sys", "/dev", "/run"};

/* Whatever may be filled together leaves its memory to the agent, and to the programs
 * that are read from the disk again and again without: /tmp is of the same, /dev/shm
 * shrinks. */
static int mount_memory(struct text *problem)
{
	if (system_bound_memory("/dev/shm", 20) < 0)
		return mounts_fail(problem, "/dev/shm", "cannot bound it");
	if (mount("tmpfs", MEMORY, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0 ||
		system_bound_memory(MEMORY, 50) < 0 || mkdir(CHANGES, 0755) < 0 ||
		mkdir(SCRATCH, 0755) < 0 || mkdir(TEMPORARY, 01777) < 0 ||
		chmod(TEMPORARY, 01777) < 0)
		return mounts_fail(problem, "/", "no memory for what changes");
	return 0;
}

/* With the first options a folder of the disk can be renamed, and a file whose owner or
 * mode changes takes no memory for its bytes. Kernels before 4.19 do not know both. */
static int mount_overlay(struct text *problem)
{
	static const char *const options[] = {
		LAYERS ",redirect_dir=on,metacopy=on", LAYERS};
	int result = -1;

	for (size_t i = 0; i < 2 && result < 0; i++)
		result = mount("overlay", OVERLAY, "overlay", 0, options[i]);
	return result < 0 ? mounts_fail(problem, "/", "no overlay") : 0;
}

static int make_places(struct text *problem)
{
	static const char *const places[] = {PLACE, DISK, MEMORY, OVERLAY};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (system_make_folder(places[i]) < 0)
			return mounts_fail(problem, places[i], "cannot make it");
	return 0;
}

/* The place of a folder of the root while that is not "/" yet. */
static struct text below_overlay(char bytes[64], const char *path)
{
	struct text t = text_in(bytes, 64);

	text_add(&t, OVERLAY);
	text_add(&t, path);
	return t;
}

static int take_along(const char *from, const char *to, unsigned long how)
{
	char target[64];

	below_overlay(target, to);
	if (system_make_folder(target) < 0)
		return -1;
	return mount(from, target, NULL, how, NULL);
}

/* The disk's own folders are made sure of before the first mount leaves its place. */
static int furnish(struct text *problem)
{
	char path[64];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		below_overlay(path, kept[i]);
		if (system_make_folder(path) < 0)
			return mounts_fail(problem, kept[i], "cannot make it");
	}
	if (take_along(TEMPORARY, "/tmp", MS_BIND) < 0)
		return mounts_fail(problem, "/tmp", "cannot mount it");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (take_along(kept[i], kept[i], MS_MOVE) < 0)
			return mounts_fail(problem, kept[i], "cannot take it along");
	return 0;
}

/* The overlay has what it needs of disk and memory without their places. */
static int change_root(struct text *problem)
{
	umount2(DISK, MNT_DETACH);
	umount2(MEMORY, MNT_DETACH);
	if (chdir(OVERLAY) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
		chroot(".") < 0 || chdir("/") < 0)
		return mounts_fail(problem, "/", "cannot change it");
	return 0;
}

int root_enter(const char *device, struct text *problem)
{
	if (make_places(problem) < 0)
		return -1;
	if (mount(device, DISK, "ext4", MS_RDONLY, NULL) < 0)
		return mounts_fail(problem, WU_ROOT_LABEL, "cannot mount it");
	if (mount_memory(problem) < 0 || mount_overlay(problem) < 0 ||
		furnish(problem) < 0)
		return -1;
	return change_root(problem);
}

static int remove_entry(int folder, const char *name, void *device);

/* Other file systems that are mounted there stay as they are. */
static void empty_folder(int folder, const char *name, dev_t *device)
{
	int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat s;

	if (inner < 0)
		return;
	if (fstat(inner, &s) == 0 && s.st_dev == *device)
		folder_visit(inner, remove_entry, device);
	close(inner);
}

static int remove_entry(int folder, const char *name, void *device)
{
	if (unlinkat(folder, name, 0) == 0)
		return 0;
	empty_folder(folder, name, device);
	unlinkat(folder, name, AT_REMOVEDIR);
	return 0;
}

void root_forget_initrd(int folder)
{
	struct stat s;

	if (fstat(folder, &s) == 0)
		folder_visit(folder, remove_entry, &s.st_dev);
}
