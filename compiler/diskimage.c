/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diskimage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "host.h"
#include "magic.h"

/* A virtual machine that writes to an image has this byte of it locked (QEMU's
 * file-posix.c). */
#define QEMU_WRITES_BYTE 101

int diskimage_split(
	const char *spec, struct arena *a, const char **path, int *number, struct diag *d)
{
	const char *colon = strrchr(spec, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

	*number = PARTITION_ANY;
	*path = arena_strdup(a, spec);
	if (!digits || colon[1 + digits])
		return 0;
	*path = arena_memdup(a, spec, (size_t)(colon - spec));
	if (digits > 4)
		return diag_fail(d, "%s: expected the number of a partition, found %s",
			*path, colon + 1);
	*number = atoi(colon + 1);
	return 0;
}

static int fail_locked(const char *path, struct diag *d)
{
	return diag_fail(d, "%s: is in use by another program: expected none", path);
}

/* Programs of ours know flock(2), QEMU knows fcntl(2). */
int diskimage_lock(int fd, const char *path, int writable, struct diag *d)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (flock(fd, (writable ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? fail_locked(path, d)
					    : diag_fail_errno(d, "%s", path);
	if (writable) {
		if (fcntl(fd, F_OFD_SETLK, &range) == 0)
			return 0;
		return errno == EAGAIN || errno == EACCES
			       ? fail_locked(path, d)
			       : diag_fail_errno(d, "%s", path);
	}
	range.l_start = QEMU_WRITES_BYTE;
	range.l_len = 1;
	if (fcntl(fd, F_OFD_GETLK, &range) < 0)
		return diag_fail_errno(d, "%s", path);
	return range.l_type == F_UNLCK ? 0 : fail_locked(path, d);
}

static int check_raw(struct diskimage *m, struct diag *d)
{
	const char *format;
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return diag_fail_errno(d, "%s", m->path);
	if (!S_ISREG(st.st_mode))
		return diag_fail(d, "%s: expected a disk image, found %s", m->path,
			host_kind_name(st.st_mode));
	if (magic_of_image(m->fd, &format) < 0)
		return diag_fail_errno(d, "%s", m->path);
	if (!format)
		return 0;
	return diag_fail(d,
		"%s: expected a raw image, found one of the format %s (`qemu-img "
		"convert -f %s -O raw %s NEW.img` makes a raw one)",
		m->path, format, format, m->path);
}

static int open_part(struct diskimage *m, int number, int writable, struct diag *d)
{
	struct partitions table;

	if (partitions_read(&table, m->fd, m->path, &m->arena, d) < 0 ||
		partitions_choose(&table, m->fd, m->path, number, &m->part, d) < 0)
		return -1;
	if (m->part.number != PARTITION_WHOLE)
		m->name = arena_printf(&m->arena, "%s:%d", m->path, m->part.number);
	else
		m->name = m->path;
	return ext2disk_open(
		&m->disk, m->fd, m->name, m->part.offset, m->part.size, writable, d);
}

int diskimage_open(struct diskimage *m, const char *spec, int writable, struct diag *d)
{
	int number, flags = writable ? O_RDWR : O_RDONLY;

	*m = (struct diskimage){.fd = -1};
	if (diskimage_split(spec, &m->arena, &m->path, &number, d) < 0)
		return -1;
	m->name = m->path;
	/* O_NONBLOCK: a fifo must not stop us. */
	m->fd = open(m->path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (m->fd < 0)
		return diag_fail_errno(d, "%s", m->path);
	if (check_raw(m, d) < 0 || diskimage_lock(m->fd, m->path, writable, d) < 0)
		return -1;
	return open_part(m, number, writable, d);
}

void diskimage_close(struct diskimage *m)
{
	ext2disk_close(&m->disk);
	file_close(&m->fd);
	arena_clear(&m->arena);
}
