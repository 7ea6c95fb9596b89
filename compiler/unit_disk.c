/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "bootable.h"
#include "ext4.h"
#include "place.h"
#include "runtime/unit.h"
#include "single.h"
#include "unit_build.h"

static const char *digest_in_base(const struct base *base, const char *name)
{
	for (size_t i = 0; i < base->file_count; i++)
		if (strcmp(base->files[i].name, name) == 0)
			return base->files[i].sha256;
	return "none";
}

/* What the agent is told of the machine where nobody speaks to it. */
static char *bootable_append(const struct build *b)
{
	const struct machine *m = &b->plan->machine;
	int by_base = strcmp(m->user, WU_USER_BASE) == 0;

	return memory_printf("%s " WU_ARG_TIME "%llu%s%s", b->base->append,
		(unsigned long long)m->time_ms, by_base ? "" : " " WU_ARG_USER,
		by_base ? "" : m->user);
}

static void add_single(struct build *b, struct buffer *text)
{
	const struct base_disk *disk = b->base->disk;

	buffer_printf(text, "single %d\nimage %s %s\npartition %d\nhome %s\n",
		SINGLE_WRITER_VERSION, disk->format,
		digest_in_base(b->base, WU_DISK_IMAGE), disk->partition, disk->home);
}

static int add_bootable(struct build *b, struct buffer *text, struct diag *d)
{
	char *append = bootable_append(b);

	buffer_printf(text,
		"bootable %d\next4 %d\nappend %s\nkernel %s\ninitrd %s\nroot %s\n"
		"sizes %llu %llu\n",
		BOOTABLE_WRITER_VERSION, EXT4_WRITER_VERSION, append,
		digest_in_base(b->base, WU_KERNEL), digest_in_base(b->base, WU_INITRD),
		digest_in_base(b->base, WU_ROOT_IMAGE),
		(unsigned long long)b->plan->app_size_bytes,
		(unsigned long long)b->plan->output.size_bytes);
	free(append);
	if (bootable_digest_loader(b->loader, d) < 0)
		return -1;
	buffer_printf(text, "loader %s\n", b->loader);
	return 0;
}

int unit_describe_disk(struct build *b, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	buffer_printf(&text, "epoch %lld\nlisting %s\n", (long long)b->plan->epoch,
		b->listing->artifact.sha256);
	if (b->plan->layout == LAYOUT_SINGLE)
		add_single(b, &text);
	else if (add_bootable(b, &text, d) < 0)
		return -1;
	digest_of_bytes(text.bytes, text.size, b->disk->artifact.key);
	return 0;
}

int unit_find_disk(struct build *b)
{
	const json_t *disk = json_object_get(b->old.root, "disk");
	const json_t *output = json_object_get(disk, "output");
	const char *folder = json_string_value(json_object_get(output, "folder"));
	json_int_t offset = json_integer_value(json_object_get(output, "offset"));
	json_int_t size = json_integer_value(json_object_get(output, "size"));

	if (!folder || offset < 0 || size <= 0)
		return 0;
	b->whole = (struct whole_disk){.output_offset = (uint64_t)offset,
		.output_bytes = (uint64_t)size,
		.output_folder = arena_strdup(&b->arena, folder)};
	return 1;
}

static int write_single(struct build *b, int dirfd, struct diag *d)
{
	const struct base_disk *disk = b->base->disk;
	struct single s = {
		.image = arena_printf(&b->arena, "%s/" WU_DISK_IMAGE, b->base->folder),
		.name = arena_printf(&b->arena, "base %s", b->base->name),
		.format = disk->format,
		.partition = disk->partition,
		.home = disk->home,
		.tree = &b->tree,
		.epoch = b->plan->epoch,
		.arena = &b->arena,
	};

	return single_write(dirfd, WU_DISK_IMAGE, &s, &b->whole, d);
}

static int write_bootable(struct build *b, int dirfd, struct diag *d)
{
	char *append = bootable_append(b);
	struct bootable o = {
		.tree = &b->tree,
		.base = b->base,
		.append = append,
		.app_size_bytes = b->plan->app_size_bytes,
		.output_size_bytes = b->plan->output.size_bytes,
		.epoch = b->plan->epoch,
	};
	int rc = bootable_write(dirfd, WU_DISK_IMAGE, &o, &b->whole, d);

	free(append);
	return rc;
}

int unit_write_disk(struct build *b, int dirfd, struct diag *d)
{
	return b->plan->layout == LAYOUT_SINGLE ? write_single(b, dirfd, d)
						: write_bootable(b, dirfd, d);
}

int unit_check_layout(const struct plan *p, int base_is_disk, struct diag *d)
{
	struct place place = p->place;

	place.field = "layout";
	if (p->layout == LAYOUT_SINGLE && !base_is_disk)
		return place_fail(d, &place,
			"expected a disk image as base, for \"single\" places all into it "
			"(base = disk \"guest.img\")");
	if (p->layout == LAYOUT_BOOTABLE && base_is_disk)
		return place_fail(d, &place,
			"expected a base with a kernel, for \"bootable\" makes a disk of "
			"it, found a disk image (\"single\" places all into one)");
	return 0;
}
