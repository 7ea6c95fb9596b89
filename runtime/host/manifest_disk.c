/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manifest_disk.h"

#include <string.h>

#include "common/memory.h"
#include "runtime/unit.h"

#define PATH_LIMIT 1024

/* QEMU's names; what else there is of them reads from other places than the file. */
static int is_format(const char *text)
{
	static const char *const known[] = {"raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx",
		"qcow", "qed", "parallels", "bochs"};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(text, known[i]) == 0)
			return 1;
	return 0;
}

static int parse_name(const struct spot *s, const json_t *root, struct manifest *m)
{
	static const char *const names[] = {[LAYOUT_DISKS] = WU_LAYOUT_DISKS,
		[LAYOUT_SINGLE] = WU_LAYOUT_SINGLE,
		[LAYOUT_BOOTABLE] = WU_LAYOUT_BOOTABLE};
	const json_t *v = json_object_get(root, "layout");
	const char *value = v ? json_string_value(v) : WU_LAYOUT_DISKS;

	for (size_t i = 0; value && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(value, names[i]) == 0) {
			m->layout = (enum layout)i;
			return 0;
		}
	return spot_complain(s, "layout", "\"disks\", \"single\" or \"bootable\"", v);
}

/* "/" or an absolute path without empty, "." or ".." parts. */
static int is_folder(const char *path)
{
	return path[0] == '/' && (!path[1] || spot_is_plain_path(path + 1));
}

static int parse_output(const struct spot *s, const json_t *disk, struct manifest_disk *m)
{
	const struct spot below = {s->unit, "disk.output.", s->d};
	const json_t *output = json_object_get(disk, "output");
	uint64_t size = m->file->size_bytes;

	if (!json_is_object(output))
		return spot_complain(s, "output", "an object", output);
	if (spot_get_number(&below, output, "offset", 0, size, &m->output_offset) < 0 ||
		spot_get_number(&below, output, "size", 1, size - m->output_offset,
			&m->output_bytes) < 0 ||
		spot_get_text(&below, output, "folder", PATH_LIMIT, "a path",
			&m->output_folder) < 0)
		return -1;
	if (!is_folder(m->output_folder))
		return spot_complain(&below, "folder", "an absolute path without . or ..",
			json_object_get(output, "folder"));
	return 0;
}

static int parse_disk(const struct spot *s, const json_t *disk, struct manifest *m)
{
	const struct spot below = {s->unit, "disk.", s->d};
	const char *wanted = m->layout == LAYOUT_DISKS ? WU_BASE_FOLDER "/" WU_DISK_IMAGE
						       : WU_DISK_IMAGE;
	const char *path;

	if (!json_is_object(disk))
		return spot_complain(s, "disk", "an object", disk);
	if (spot_get_text(&below, disk, "file", PATH_LIMIT, "a path", &path) < 0 ||
		spot_get_text(&below, disk, "format", PATH_LIMIT, "a format",
			&m->disk.format) < 0)
		return -1;
	if (strcmp(path, wanted) != 0)
		return spot_complain(
			&below, "file", wanted, json_object_get(disk, "file"));
	m->disk.file = manifest_find_file(m, wanted);
	if (!m->disk.file)
		return diag_fail(s->d, "%s/" WU_MANIFEST ": files: %s is missing",
			s->unit, wanted);
	if (!is_format(m->disk.format) ||
		(m->layout != LAYOUT_DISKS && strcmp(m->disk.format, "raw") != 0))
		return spot_complain(&below, "format",
			m->layout == LAYOUT_DISKS ? "a disk image's format" : "\"raw\"",
			json_object_get(disk, "format"));
	return m->layout == LAYOUT_DISKS ? 0 : parse_output(&below, disk, &m->disk);
}

static int parse_results(const struct spot *s, const json_t *root, struct manifest *m)
{
	const json_t *v = json_object_get(root, "results");

	m->results = json_string_value(v);
	if (v && (!m->results || !spot_is_plain_path(m->results)))
		return spot_complain(s, "results", "a relative path without . or ..", v);
	return 0;
}

/* Those that a runtime opens by these names. */
static int check_files(const struct spot *s, const struct manifest *m)
{
	const char *needed[5] = {0};
	size_t count = 0;

	if (m->layout == LAYOUT_DISKS) {
		needed[count++] = WU_APP_IMAGE;
		needed[count++] = WU_OUTPUT_IMAGE;
	}
	if (!m->disk.file) {
		needed[count++] = WU_BASE_FOLDER "/" WU_KERNEL;
		needed[count++] = WU_BASE_FOLDER "/" WU_INITRD;
	}
	if (m->seed)
		needed[count++] = WU_BASE_FOLDER "/" WU_SEED_IMAGE;
	for (size_t i = 0; i < count; i++)
		if (!manifest_find_file(m, needed[i]))
			return diag_fail(s->d, "%s/" WU_MANIFEST ": files: %s is missing",
				s->unit, needed[i]);
	return 0;
}

int manifest_parse_layout(const struct spot *s, const json_t *root, struct manifest *m)
{
	const json_t *disk = json_object_get(root, "disk");

	if (parse_name(s, root, m) < 0 || parse_results(s, root, m) < 0 ||
		spot_get_flag(s, root, "seed", &m->seed) < 0 ||
		spot_get_flag(s, root, "floppy", &m->floppy) < 0)
		return -1;
	if ((disk || m->layout != LAYOUT_DISKS) && parse_disk(s, disk, m) < 0)
		return -1;
	return check_files(s, m);
}

char *manifest_get_results(const struct manifest *m)
{
	return m->results ? memory_strdup(m->results)
			  : memory_printf("results/%s", m->name);
}

const struct manifest_file *manifest_get_written(const struct manifest *m)
{
	return m->layout == LAYOUT_DISKS ? manifest_find_file(m, WU_OUTPUT_IMAGE)
					 : m->disk.file;
}

int manifest_is_served(const struct manifest *m)
{
	return m->layout == LAYOUT_DISKS && m->disk.file;
}
