/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "folder.h"
#include "runtime/unit.h"
#include "say.h"

/* <linux/cdrom.h>, which the C library's own headers do not have. */
#define CDROM_LOCKDOOR 0x5329

#define BLOCK_DEVICES "/sys/class/block"

/* The part of the superblock that starts at byte 1024: s_magic and s_volume_name. */
#define EXT4_OFFSET 1024
#define EXT4_MAGIC 0x38
#define EXT4_LABEL 0x78
#define EXT4_LABEL_SIZE 16

/* The primary volume descriptor of ISO 9660, in sector 16. */
#define ISO_OFFSET 32768
#define ISO_LABEL 40
#define ISO_LABEL_SIZE 32

static const struct {
	enum disk_format format;
	const char *label;
} wanted[DISK_COUNT] = {
	[DISK_APP] = {DISK_EXT4, WU_APP_LABEL},
	[DISK_PARAMETERS] = {DISK_ISO, WU_PARAMS_LABEL},
	[DISK_OUTPUT] = {DISK_EXT4, WU_OUTPUT_LABEL},
	[DISK_ROOT] = {DISK_EXT4, WU_ROOT_LABEL},
};

const char *disks_label(enum disk_kind kind)
{
	return wanted[kind].label;
}

enum disk_format disks_read_label(int fd, char label[DISK_LABEL])
{
	unsigned char b[136];
	size_t size = ISO_LABEL_SIZE;

	memset(label, 0, DISK_LABEL);
	if (pread(fd, b, sizeof(b), EXT4_OFFSET) == (ssize_t)sizeof(b) &&
		b[EXT4_MAGIC] == 0x53 && b[EXT4_MAGIC + 1] == 0xef) {
		memcpy(label, b + EXT4_LABEL, EXT4_LABEL_SIZE);
		return DISK_EXT4;
	}
	if (pread(fd, b, sizeof(b), ISO_OFFSET) != (ssize_t)sizeof(b) || b[0] != 1 ||
		memcmp(b + 1, "CD001", 5))
		return DISK_UNKNOWN;
	while (size && (b[ISO_LABEL + size - 1] == ' ' || !b[ISO_LABEL + size - 1]))
		size--;
	memcpy(label, b + ISO_LABEL, size);
	return DISK_ISO;
}

/* "/dev/cciss/c0d0" for the "cciss!c0d0" of sysfs. */
static void device_path(char path[DISK_PATH], const char *name)
{
	strcpy(path, "/dev/");
	strcat(path, name);
	for (char *c = path; (c = strchr(c, '!'));)
		*c = '/';
}

static int is_found(const struct disks *d, const char *path)
{
	for (int i = 0; i < DISK_COUNT; i++)
		if (!strcmp(d->path[i], path))
			return 1;
	return 0;
}

/* What was read of a device is forgotten with its last close. */
static void look_at(struct disks *d, unsigned wanted_set, const char *name)
{
	char path[DISK_PATH], label[DISK_LABEL];
	enum disk_format format;
	int fd;

	device_path(path, name);
	if (is_found(d, path))
		return;
	/* Without O_NONBLOCK a CD drive would be asked to close its tray. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	format = disks_read_label(fd, label);
	close(fd);
	for (int i = 0; i < DISK_COUNT; i++)
		if (wanted_set & DISK_BIT(i) && !*d->path[i] &&
			format == wanted[i].format && !strcmp(label, wanted[i].label))
			strcpy(d->path[i], path);
}

static int count_missing(const struct disks *d, unsigned wanted_set)
{
	int missing = 0;

	for (int i = 0; i < DISK_COUNT; i++)
		missing += wanted_set & DISK_BIT(i) && !*d->path[i];
	return missing;
}

void disks_unlock(const struct disks *d)
{
	const char *path = d->path[DISK_PARAMETERS];
	int fd = *path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	/* What is no CD drive has no door to lock. */
	if (ioctl(fd, CDROM_LOCKDOOR, 0) < 0 && errno != ENOTTY && errno != EINVAL)
		say(path, "cannot be unlocked", strerror(errno));
	close(fd);
}

int disks_find(struct disks *d, unsigned wanted_set)
{
	char name[FOLDER_NAME] = "";
	int folder = open(BLOCK_DEVICES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return count_missing(d, wanted_set);
	while (count_missing(d, wanted_set) && folder_next(folder, name, name) > 0)
		look_at(d, wanted_set, name);
	close(folder);
	return count_missing(d, wanted_set);
}
