/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bootable.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "ext4.h"
#include "grub.h"
#include "partitions.h"
#include "runtime/unit.h"

#define SECTOR 512
#define ALIGNMENT (1024 * 1024)
/* 16 heads of 63 sectors: machines that count in these have only whole ones. */
#define CYLINDER (16 * 63 * SECTOR)
#define MBR_LIMIT ((uint64_t)UINT32_MAX * SECTOR)
#define BOOT_FILE_LIMIT_BYTES ((size_t)1 << 30)
#define BOOT_FOLDER "boot"

/* In an ext4 superblock. */
#define UUID_AT (1024 + 0x68)

struct making {
	const struct bootable *b;
	const char *name; /* the file, as messages call it */
	int fd;
	struct grub grub;
	struct buffer config;
	char *kernel, *initrd;
	struct partition parts[PARTITIONS_PRIMARY];
	size_t count;
};

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static const struct base_file *find_file(const struct base *base, const char *name)
{
	for (size_t i = 0; i < base->file_count; i++)
		if (strcmp(base->files[i].name, name) == 0)
			return &base->files[i];
	return NULL;
}

/* A file of the base, in memory that the caller frees; NULL where it is not there, or not
 * what it was when the base was made. */
static char *read_base_file(
	const struct base *base, const char *name, size_t *size, struct diag *d)
{
	const struct base_file *f = find_file(base, name);
	char sha256[DIGEST_HEX], *path, *bytes;

	if (!f) {
		diag_fail(d, "base %s: has no %s to boot", base->name, name);
		return NULL;
	}
	path = memory_printf("%s/%s", base->folder, name);
	bytes = file_read(AT_FDCWD, path, BOOT_FILE_LIMIT_BYTES, size, d);
	if (bytes) {
		digest_of_bytes(bytes, *size, sha256);
		if (strcmp(sha256, f->sha256)) {
			diag_fail(d, "%s: is not what it was when it was made", path);
			free(bytes);
			bytes = NULL;
		}
	}
	free(path);
	return bytes;
}

static int add_base_file(struct making *m, const char *name, char **bytes, struct diag *d)
{
	const char *path = arena_printf(&m->b->tree->arena, BOOT_FOLDER "/%s", name);
	size_t size;

	*bytes = read_base_file(m->b->base, name, &size, d);
	if (!*bytes || !tree_add_text(m->b->tree, path, *bytes, size, 0644, NULL, d))
		return -1;
	return 0;
}

/* Machines differ in what they do at a reboot; switched off, all are at their end. */
static int make_config(struct making *m, struct diag *d)
{
	char *append = memory_printf("%s " WU_ARG_OFF, m->b->append);
	int rc = grub_render_config(&m->config, append, d);

	free(append);
	return rc;
}

static int add_boot(struct making *m, struct diag *d)
{
	if (add_base_file(m, WU_KERNEL, &m->kernel, d) < 0 ||
		add_base_file(m, WU_INITRD, &m->initrd, d) < 0 || make_config(m, d) < 0)
		return -1;
	return grub_place(&m->grub, m->b->tree, &m->config, d);
}

/* Its bytes may go away before the tree does. */
static void remove_boot(struct making *m)
{
	struct node *boot = tree_find(m->b->tree, BOOT_FOLDER);

	if (boot)
		tree_remove(m->b->tree, boot);
	tree_finish(m->b->tree);
	free(m->kernel);
	free(m->initrd);
	buffer_clear(&m->config);
}

/* The partition that comes next; its size is to be set. */
static struct partition *add_part(struct making *m)
{
	struct partition *p = &m->parts[m->count], *last = p - 1;

	if (m->count)
		p->offset = round_up(last->offset + last->size, ALIGNMENT);
	else
		p->offset = (m->b->first_sector ? m->b->first_sector
						: BOOTABLE_FIRST_SECTOR) *
			    SECTOR;
	p->number = (int)++m->count;
	return p;
}

static int write_tree(struct making *m, const char *label, uint64_t size_bytes,
	struct tree *t, struct diag *d)
{
	struct ext4_options o = {
		.label = label, .size_bytes = size_bytes, .epoch = m->b->epoch};
	struct partition *p = add_part(m);

	if (ext4_write_at(m->fd, m->name, p->offset, t, &o, &p->size, d) < 0)
		return -1;
	p->size = round_up(p->size, SECTOR);
	return 0;
}

static int write_app(struct making *m, struct diag *d)
{
	int rc = add_boot(m, d);

	tree_finish(m->b->tree);
	if (rc == 0)
		rc = write_tree(m, WU_APP_LABEL, m->b->app_size_bytes, m->b->tree, d);
	remove_boot(m);
	return rc;
}

/* As the output disk of other units: anyone may write to it, in names of their own. */
static int write_output(struct making *m, struct diag *d)
{
	struct tree empty;
	int rc;

	tree_init(&empty, m->b->epoch);
	empty.root->mode = 01777;
	tree_finish(&empty);
	rc = write_tree(m, WU_OUTPUT_LABEL, m->b->output_size_bytes, &empty, d);
	tree_clear(&empty);
	return rc;
}

static int write_root(struct making *m, struct diag *d)
{
	const struct base_file *f = find_file(m->b->base, WU_ROOT_IMAGE);
	CLEANUP(file_close) int from = -1;
	struct partition *p;
	char *path;
	int rc = 0;

	if (!f)
		return 0;
	p = add_part(m);
	path = memory_printf("%s/%s", m->b->base->folder, f->name);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		rc = diag_fail_errno(d, "%s", path);
	else if (file_copy_at(from, m->fd, p->offset, f->size_bytes) < 0)
		rc = diag_fail_errno(d, "%s: from %s", m->name, path);
	p->size = round_up(f->size_bytes, SECTOR);
	free(path);
	return rc;
}

/* The disk's id follows from what its first partition holds, as that one's UUID does. */
static int read_id(struct making *m, uint32_t *id, struct diag *d)
{
	unsigned char b[4];
	off_t offset = (off_t)m->parts[0].offset + UUID_AT;

	if (file_read_at(m->fd, b, sizeof(b), offset) != (ssize_t)sizeof(b))
		return diag_fail_errno(d, "%s", m->name);
	*id = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	      (uint32_t)b[3] << 24;
	if (!*id)
		*id = 1; /* 0 is none */
	return 0;
}

static int finish_disk(struct making *m, struct diag *d)
{
	const struct partition *last = &m->parts[m->count - 1];
	uint64_t size = round_up(last->offset + last->size, CYLINDER);
	uint32_t id = 0;

	if (size > MBR_LIMIT)
		return diag_fail(d,
			"%s: expected at most 2 TiB, which is all that a disk "
			"with an MBR can have",
			m->name);
	if (ftruncate(m->fd, (off_t)size) < 0 || fchmod(m->fd, 0644) < 0)
		return diag_fail_errno(d, "%s", m->name);
	if (read_id(m, &id, d) < 0 ||
		partitions_write(m->fd, m->name, m->parts, m->count, id, d) < 0)
		return -1;
	return grub_write(&m->grub, m->fd, m->name, m->parts[0].offset / SECTOR, d);
}

static int write_disk(struct making *m, int dirfd, struct diag *d)
{
	int rc = -1;

	m->fd = openat(
		dirfd, m->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->fd < 0)
		return diag_fail_errno(d, "%s", m->name);
	if (write_app(m, d) == 0 && write_output(m, d) == 0 && write_root(m, d) == 0)
		rc = finish_disk(m, d);
	if (close(m->fd) < 0 && rc == 0)
		rc = diag_fail_errno(d, "%s", m->name);
	if (rc < 0)
		unlinkat(dirfd, m->name, 0);
	return rc;
}

int bootable_write(int dirfd, const char *file, const struct bootable *b,
	struct whole_disk *w, struct diag *d)
{
	struct making m = {.b = b, .name = file};
	int rc = -1;

	if (tree_find(b->tree, BOOT_FOLDER))
		diag_fail(d, "%s: \"" BOOT_FOLDER "\" is the boot loader's", file);
	else if (grub_open(&m.grub, GRUB_FOLDER, d) == 0)
		rc = write_disk(&m, dirfd, d);
	grub_close(&m.grub);
	if (rc == 0)
		*w = (struct whole_disk){.output_offset = m.parts[1].offset,
			.output_bytes = m.parts[1].size,
			.output_folder = "/"};
	return rc;
}

int bootable_digest_loader(char hex[DIGEST_HEX], struct diag *d)
{
	struct grub g;
	int rc = grub_open(&g, GRUB_FOLDER, d);

	memcpy(hex, g.digest, DIGEST_HEX);
	grub_close(&g);
	return rc;
}
