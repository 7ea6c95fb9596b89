/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "partitions.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdisk.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/quantity.h"
#include "magic.h"

#define SECTOR 512
#define LARGE_SECTOR 4096
#define TYPE_LINUX 0x83
#define TYPE_PROTECTIVE 0xee /* of an MBR that stands before a GPT */

/* A GPT of sectors of 4 KiB: a file does not tell the size of its sectors. 1, 0, or -1
 * with errno set. */
static int has_large_sectors(int fd)
{
	static const char magic[] = "EFI PART";
	char head[LARGE_SECTOR + sizeof(magic)] = "";

	if (file_read_at(fd, head, sizeof(head), 0) < 0)
		return -1;
	return memcmp(head + LARGE_SECTOR, magic, sizeof(magic) - 1) == 0 &&
	       memcmp(head + SECTOR, magic, sizeof(magic) - 1) != 0;
}

/* Extended partitions hold others, and nothing of their own. */
static int take(
	struct fdisk_partition *f, unsigned long sector_bytes, struct partition *p)
{
	if (!fdisk_partition_is_used(f) || fdisk_partition_is_container(f) ||
		!fdisk_partition_has_start(f) || !fdisk_partition_has_size(f) ||
		!fdisk_partition_has_partno(f))
		return 0;
	p->number = (int)fdisk_partition_get_partno(f) + 1;
	if (__builtin_mul_overflow(
		    fdisk_partition_get_start(f), sector_bytes, &p->offset) ||
		__builtin_mul_overflow(
			fdisk_partition_get_size(f), sector_bytes, &p->size))
		p->offset = p->size = UINT64_MAX; /* over any image's end */
	return p->size > 0;
}

static int read_list(struct partitions *p, struct fdisk_context *c,
	struct fdisk_table *table, struct arena *a)
{
	size_t room = fdisk_table_get_nents(table);
	struct partition *list = arena_alloc(a, (room + 1) * sizeof(*list));
	struct fdisk_iter *iter = fdisk_new_iter(FDISK_ITER_FORWARD);
	struct fdisk_partition *f;

	if (!iter)
		return -1;
	while (p->count < room && fdisk_table_next_partition(table, iter, &f) == 0)
		p->count += (size_t)take(f, fdisk_get_sector_size(c), &list[p->count]);
	fdisk_free_iter(iter);
	p->list = list;
	return 0;
}

/* libfdisk takes what stands before a damaged GPT for the table. */
static int is_protective(struct fdisk_table *table)
{
	for (size_t i = 0; i < fdisk_table_get_nents(table); i++) {
		struct fdisk_partition *f = fdisk_table_get_partition(table, i);
		struct fdisk_parttype *type = fdisk_partition_get_type(f);

		if (type && fdisk_parttype_get_code(type) == TYPE_PROTECTIVE)
			return 1;
	}
	return 0;
}

static int fail_damaged(const struct partitions *p, const char *name, struct diag *d)
{
	return diag_fail(d,
		"%s: is cut off, or its partition table (GPT) is damaged: expected a "
		"whole disk image, found %" PRIu64 " bytes",
		name, p->size);
}

static int read_label(struct partitions *p, struct fdisk_context *c, const char *name,
	struct arena *a, struct diag *d)
{
	struct fdisk_table *table = NULL;
	int rc;

	if (!fdisk_has_label(c))
		return 0;
	p->table = arena_strdup(a, fdisk_label_get_name(fdisk_get_label(c, NULL)));
	if (!fdisk_is_label(c, DOS) && !fdisk_is_label(c, GPT))
		return diag_fail(d,
			"%s: expected a partition table of the kind MBR or GPT, found "
			"one of the kind \"%s\"",
			name, p->table);
	rc = fdisk_get_partitions(c, &table);
	if (rc < 0) {
		errno = -rc;
		return diag_fail_errno(d, "%s: its partition table", name);
	}
	if (table && fdisk_is_label(c, DOS) && is_protective(table))
		rc = fail_damaged(p, name, d);
	else if (table && read_list(p, c, table, a) < 0)
		rc = diag_fail_errno(d, "%s: its partition table", name);
	fdisk_unref_table(table);
	return rc;
}

static int assign(struct fdisk_context *c, int fd, const char *name)
{
	int large = has_large_sectors(fd);

	if (large < 0)
		return -errno;
	fdisk_disable_dialogs(c, 1);
	if (large)
		fdisk_save_user_sector_size(c, LARGE_SECTOR, LARGE_SECTOR);
	return fdisk_assign_device_by_fd(c, fd, name, 1);
}

int partitions_read(
	struct partitions *p, int fd, const char *name, struct arena *a, struct diag *d)
{
	struct fdisk_context *c = fdisk_new_context();
	struct stat st;
	int rc;

	*p = (struct partitions){0};
	rc = !c || fstat(fd, &st) < 0 ? -errno : 0;
	p->size = rc == 0 ? (uint64_t)st.st_size : 0;
	if (rc == 0 && p->size < SECTOR) {
		fdisk_unref_context(c);
		return diag_fail(d,
			"%s: expected a disk image, found a file of %" PRIu64 " bytes",
			name, p->size);
	}
	if (rc == 0)
		rc = assign(c, fd, name);
	if (rc < 0) {
		errno = -rc;
		rc = diag_fail_errno(d, "%s", name);
	} else {
		rc = read_label(p, c, name, a, d);
		fdisk_deassign_device(c, 1);
	}
	fdisk_unref_context(c);
	return rc;
}

static int list_all(const struct partitions *p, int fd, const char *name, struct diag *d)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct partition *one = &p->list[i];
		const char *what = magic_of_contents(fd, one->offset, one->size);
		char size[QUANTITY_TEXT];

		diag_fail(d, "%s:%d: %s at byte %" PRIu64 ": %s", name, one->number,
			quantity_format_size(one->size, size), one->offset,
			what ? what : "nothing known");
	}
	return -1;
}

static int check(const struct partitions *p, const char *name,
	const struct partition *chosen, struct diag *d)
{
	if (chosen->offset <= p->size && chosen->size <= p->size - chosen->offset)
		return 0;
	return diag_fail(d,
		"%s:%d: the partition reaches over the end of the image (%" PRIu64
		" bytes)",
		name, chosen->number, p->size);
}

int partitions_choose(const struct partitions *p, int fd, const char *name, int number,
	struct partition *chosen, struct diag *d)
{
	*chosen = (struct partition){.number = PARTITION_WHOLE, .size = p->size};
	if (number == PARTITION_WHOLE || (number == PARTITION_ANY && p->count == 0))
		return 0;
	for (size_t i = 0; i < p->count; i++) {
		*chosen = p->list[i];
		if (chosen->number == number ||
			(number == PARTITION_ANY && p->count == 1))
			return check(p, name, chosen, d);
	}
	if (p->count == 0)
		return diag_fail(d, "%s: has no partition %d, for it has no partitions",
			name, number);
	if (number == PARTITION_ANY)
		diag_fail(d, "%s: expected one of its partitions, as %s:%d", name, name,
			p->list[0].number);
	else
		diag_fail(d, "%s: has no partition %d", name, number);
	return list_all(p, fd, name, d);
}

const char *partitions_numbers(const struct partitions *p, struct arena *a)
{
	const char *text = "";

	for (size_t i = 0; i < p->count; i++)
		text = arena_printf(a, "%s%s%d", text,
			i == 0		    ? ""
			: i + 1 == p->count ? " or "
					    : ", ",
			p->list[i].number);
	return text;
}

static int add(struct fdisk_context *c, const struct partition *one)
{
	struct fdisk_label *label = fdisk_get_label(c, NULL);
	struct fdisk_partition *f = fdisk_new_partition();
	size_t number = (size_t)one->number - 1;
	int rc = f ? 0 : -ENOMEM;

	if (rc == 0)
		rc = fdisk_partition_set_start(f, one->offset / SECTOR);
	if (rc == 0)
		rc = fdisk_partition_set_size(f, one->size / SECTOR);
	if (rc == 0)
		rc = fdisk_partition_size_explicit(f, 1);
	if (rc == 0)
		rc = fdisk_partition_set_partno(f, number);
	if (rc == 0)
		rc = fdisk_partition_set_type(
			f, fdisk_label_get_parttype_from_code(label, TYPE_LINUX));
	if (rc == 0)
		rc = fdisk_add_partition(c, f, NULL);
	fdisk_unref_partition(f);
	return rc;
}

static int write_label(
	struct fdisk_context *c, const struct partition *list, size_t count, uint32_t id)
{
	char text[16];
	int rc = fdisk_create_disklabel(c, "dos");

	snprintf(text, sizeof(text), "0x%08" PRIx32, id);
	if (rc == 0)
		rc = fdisk_set_disklabel_id_from_string(c, text);
	/* Where partitions begin is the caller's to say: libfdisk has its own idea. */
	if (rc == 0)
		fdisk_set_first_lba(c, 1);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add(c, &list[i]);
	if (rc == 0)
		rc = fdisk_toggle_partition_flag(
			c, (size_t)list[0].number - 1, DOS_FLAG_ACTIVE);
	return rc == 0 ? fdisk_write_disklabel(c) : rc;
}

int partitions_write(int fd, const char *name, const struct partition *list, size_t count,
	uint32_t id, struct diag *d)
{
	struct fdisk_context *c = fdisk_new_context();
	int rc = c ? fdisk_disable_dialogs(c, 1) : -ENOMEM;

	if (rc == 0)
		rc = fdisk_assign_device_by_fd(c, fd, name, 0);
	if (rc == 0) {
		rc = write_label(c, list, count, id);
		fdisk_deassign_device(c, 1);
	}
	fdisk_unref_context(c);
	if (rc == 0)
		return 0;
	errno = rc < 0 ? -rc : EIO;
	return diag_fail_errno(d, "%s: its partition table", name);
}
