/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mounts.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "runtime/unit.h"
#include "say.h"
#include "system.h"

#define WHOLE_APP "/run/workunit/app"
#define APP_FLAGS (MS_RDONLY | MS_NODEV | MS_NOSUID)

static const char *const folders[][2] = {
	{WHOLE_APP "/app", "/app"},
	{WHOLE_APP "/input", "/input"},
	{WHOLE_APP "/" WU_SCRIPTS_FOLDER, MOUNT_SCRIPTS},
};

int mounts_fail(struct text *problem, const char *what, const char *doing)
{
	int error = errno;

	text_add(problem, what);
	text_add(problem, ": ");
	text_add(problem, doing);
	text_add(problem, ": ");
	/* The C library has no word for what ext4 says most. */
	text_add(problem, error == EUCLEAN ? "it is damaged" : strerror(error));
	return -1;
}

static int mount_at(const char *source, const char *target, const char *type,
	unsigned long flags, const char *options)
{
	if (system_make_folder(target) < 0)
		return -1;
	return mount(source, target, type, flags, options);
}

/* A folder that the disk does not have stays what the initrd has there: empty. A bind
 * takes on the read-only, nodev and nosuid of the mount that it is made from. */
static int attach_app(const char *device, struct text *problem)
{
	int result = 0;

	if (mount_at(device, WHOLE_APP, "ext4", APP_FLAGS, NULL) < 0)
		return mounts_fail(problem, WU_APP_LABEL, "cannot mount it");
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !result; i++)
		if (mount_at(folders[i][0], folders[i][1], NULL, MS_BIND, NULL) < 0 &&
			errno != ENOENT)
			result = mounts_fail(problem, folders[i][1], "cannot mount it");
	return result;
}

/* An output disk lives too short for anything to be done in advance: no tables are
 * initialised, no bitmaps read. Kernels before 5.8 do not know the second. */
static int attach_output(const char *device)
{
	static const char *const options[] = {
		"noinit_itable,no_prefetch_block_bitmaps", "noinit_itable"};
	int result = -1;

	for (size_t i = 0; i < 2 && result < 0; i++)
		result = mount_at(
			device, MOUNT_OUTPUT, "ext4", MS_NODEV | MS_NOSUID, options[i]);
	return result;
}

int mounts_attach(const struct disks *d, enum disk_kind kind, struct text *problem)
{
	const char *device = d->path[kind];

	if (system_make_folder("/run/workunit") < 0)
		return mounts_fail(problem, "/run/workunit", "cannot make it");
	if (kind == DISK_APP)
		return attach_app(device, problem);
	if (kind == DISK_PARAMETERS) {
		if (mount_at(device, MOUNT_PARAMETERS, "iso9660", APP_FLAGS, NULL) < 0)
			return mounts_fail(problem, WU_PARAMS_LABEL, "cannot mount it");
		return 0;
	}
	if (attach_output(device) < 0)
		return mounts_fail(problem, WU_OUTPUT_LABEL, "cannot mount it");
	return 0;
}

/* Returns 0 where nothing is mounted there any more. */
static int unmount(const char *target)
{
	/* EINVAL: nothing was mounted there. */
	if (!umount2(target, UMOUNT_NOFOLLOW) || errno == EINVAL || errno == ENOENT)
		return 0;
	return -1;
}

/* Returns as above. */
static int detach(const char *target)
{
	if (unmount(target) == 0)
		return 0;
	say(target, "cannot unmount it", strerror(errno));
	if (mount(NULL, target, NULL, MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID,
		    NULL) < 0)
		say(target, "cannot make it read only", strerror(errno));
	return -1;
}

/* The others are read only and have nothing to lose, and unmounting takes its time. */
void mounts_detach(void)
{
	detach(MOUNT_OUTPUT);
}

int mounts_detach_all(void)
{
	int result = detach(MOUNT_OUTPUT);

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (unmount(folders[i][1]) < 0)
			result = -1;
	if (unmount(WHOLE_APP) < 0 || unmount(MOUNT_PARAMETERS) < 0)
		result = -1;
	return result;
}
