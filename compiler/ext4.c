/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4_image.h"

/* Before anything is written. */
static int plan_image(struct ext4_image *m, struct diag *d)
{
	if (ext4_check(m, d) < 0)
		return -1;
	ext4_ids_start(m);
	m->last_inode = ext4_inodes_number(m->tree);
	return ext4_size_plan(m, d);
}

/* Attributes are written along with the inodes; their blocks come before the tables. */
static void reserve_xattrs(struct ext4_image *m)
{
	uint64_t count;

	m->xattr_layout = m->layout;
	for (uint64_t left = m->xattrs.blocks; left > 0; left -= count)
		ext4_layout_take(&m->layout, left, &count);
}

static int fill_image(struct ext4_image *m, struct diag *d)
{
	if (ext4_contents_write(m, d) < 0)
		return -1;
	ext4_ids_finish(m);
	if (ext4_folders_write(m, d) < 0 || ext4_symlinks_write(m, d) < 0)
		return -1;
	reserve_xattrs(m);
	if (ext4_size_finish(m, d) < 0 || ext4_io_flush(&m->io, d) < 0 ||
		ext4_extents_seal(&m->extents, m->checksum_seed, d) < 0)
		return -1;
	return ext4_tables_write(m, d);
}

static uint64_t size_of(const struct ext4_image *m)
{
	uint64_t size = m->options->size_bytes;

	return size ? size : m->geometry.blocks * EXT4_BLOCK;
}

static int write_image(struct ext4_image *m, int fd, uint64_t offset, struct diag *d)
{
	int rc;

	ext4_io_init(&m->io, fd, offset, m->name);
	ext4_extents_init(&m->extents, &m->io, &m->layout);
	rc = fill_image(m, d);
	if (rc == 0 && ftruncate(fd, (off_t)(offset + size_of(m))) < 0)
		rc = diag_fail_errno(d, "%s", m->name);
	ext4_extents_clear(&m->extents);
	ext4_io_clear(&m->io);
	return rc;
}

static int write_file(struct ext4_image *m, int dirfd, struct diag *d)
{
	int rc, fd = openat(dirfd, m->name,
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return diag_fail_errno(d, "%s", m->name);
	rc = write_image(m, fd, 0, d);
	if (rc == 0 && fchmod(fd, 0644) < 0)
		rc = diag_fail_errno(d, "%s", m->name);
	if (close(fd) < 0 && rc == 0)
		rc = diag_fail_errno(d, "%s", m->name);
	if (rc < 0)
		unlinkat(dirfd, m->name, 0);
	return rc;
}

static void clear(struct ext4_image *m)
{
	ext4_xattr_table_clear(&m->xattrs);
	digest_drop(m->digest);
}

int ext4_write(int dirfd, const char *path, struct tree *t, const struct ext4_options *o,
	struct diag *d)
{
	struct ext4_image m = {.tree = t, .options = o, .name = path};
	int rc = plan_image(&m, d);

	if (rc == 0)
		rc = write_file(&m, dirfd, d);
	clear(&m);
	return rc;
}

int ext4_write_at(int fd, const char *name, uint64_t offset, struct tree *t,
	const struct ext4_options *o, uint64_t *size_bytes, struct diag *d)
{
	struct ext4_image m = {.tree = t, .options = o, .name = name};
	int rc = plan_image(&m, d);

	if (rc == 0)
		rc = write_image(&m, fd, offset, d);
	if (rc == 0)
		*size_bytes = size_of(&m);
	clear(&m);
	return rc;
}
