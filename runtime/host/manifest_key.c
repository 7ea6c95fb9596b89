/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "common/memory.h"
#include "manifest.h"
#include "runtime/unit.h"

/* The digest of that file; nothing where the unit has none. */
static const char *get_digest(const struct manifest *m, const char *path)
{
	const struct manifest_file *f = manifest_find_file(m, path);

	return f ? f->sha256 : "";
}

static void add_base(struct buffer *b, const struct manifest *m)
{
	const char *root = get_digest(m, WU_BASE_FOLDER "/" WU_ROOT_IMAGE);

	if (m->disk.file)
		buffer_printf(b, "base %s", m->disk.file->sha256);
	else
		buffer_printf(b, "base %s,%s",
			get_digest(m, WU_BASE_FOLDER "/" WU_KERNEL),
			get_digest(m, WU_BASE_FOLDER "/" WU_INITRD));
	buffer_printf(b, "%s%s\n", *root ? "," : "", root);
}

/* Lines that only a disk that boots has, so that older units keep their keys. */
static void add_disk(struct buffer *b, const struct manifest *m)
{
	static const char *const names[] = {[LAYOUT_DISKS] = WU_LAYOUT_DISKS,
		[LAYOUT_SINGLE] = WU_LAYOUT_SINGLE,
		[LAYOUT_BOOTABLE] = WU_LAYOUT_BOOTABLE};
	const struct manifest_disk *d = &m->disk;

	if (!d->file)
		return;
	buffer_printf(b, "disk %s %s", names[m->layout], d->format);
	if (d->output_folder)
		buffer_printf(b, " %" PRIu64 " %" PRIu64 " %s", d->output_offset,
			d->output_bytes, d->output_folder);
	buffer_add_text(b, "\n");
	if (m->seed)
		buffer_printf(
			b, "seed %s\n", get_digest(m, WU_BASE_FOLDER "/" WU_SEED_IMAGE));
}

void manifest_instance_key(
	const struct manifest *m, const struct manifest_instance *i, char key[DIGEST_HEX])
{
	struct buffer b = {0};

	buffer_add_text(&b, "workunit-instance 1\n");
	add_base(&b, m);
	buffer_printf(&b, "app %s\noutput %s\n", get_digest(m, WU_APP_IMAGE),
		get_digest(m, WU_OUTPUT_IMAGE));
	buffer_printf(&b, "params %s\nmachine %u %" PRIu64 " %" PRIu64 " %s %s %s\n",
		i->cd.sha256, m->cpus, m->memory_bytes, m->time_ms, m->network, m->user,
		m->append);
	buffer_printf(&b, "metrics %s\n", m->metrics ? m->metrics : "");
	add_disk(&b, m);
	if (i->floppy.path)
		buffer_printf(&b, "floppy %s\n", i->floppy.sha256);
	digest_of_bytes(b.bytes, b.size, key);
	buffer_clear(&b);
}
