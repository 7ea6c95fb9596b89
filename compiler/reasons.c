/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reasons.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "runtime/unit.h"

#define LISTING_LIMIT_BYTES ((size_t)1 << 30)

/* One file of an mtree listing: its path up to the first blank, then what the line says,
 * and the comment lines after it, which hold its attributes. */
struct entry {
	const char *line;
	size_t path_size, size;
};

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

/* Reads the next line that describes a file; 0 at the end. */
static int next_entry(const char **text, struct entry *e)
{
	while (**text) {
		e->line = *text;
		e->path_size = strcspn(e->line, " \n");
		*text = next_line(*text);
		if (e->line[0] != '.' || e->path_size < 2)
			continue;
		while (**text == '#')
			*text = next_line(*text);
		e->size = (size_t)(*text - e->line);
		return 1;
	}
	return 0;
}

static void add_entry(
	struct buffer *b, const char *disk, const struct entry *e, const char *what)
{
	/* "./app/sir.awk" is /app/sir.awk in the guest. */
	buffer_printf(b, "%s: %.*s %s\n", disk, (int)e->path_size - 1, e->line + 1, what);
}

static int compare_paths(const struct entry *x, const struct entry *y)
{
	size_t common = x->path_size < y->path_size ? x->path_size : y->path_size;
	int order = memcmp(x->line, y->line, common);

	if (order)
		return order;
	return (x->path_size > y->path_size) - (x->path_size < y->path_size);
}

static int by_path(const void *x, const void *y)
{
	return compare_paths(x, y);
}

static struct entry *read_entries(const char *text, size_t *count)
{
	struct entry *list = NULL, e;
	size_t room = 0;

	*count = 0;
	while (next_entry(&text, &e)) {
		if (*count == room) {
			room = room ? 2 * room : 64;
			list = memory_resize(list, room * sizeof(*list));
		}
		list[(*count)++] = e;
	}
	if (*count)
		qsort(list, *count, sizeof(*list), by_path);
	return list;
}

/* Merges the two sorted listings and names what only one has or what differs. */
static size_t compare_listings(
	struct buffer *b, const char *disk, const char *old_text, const char *new_text)
{
	size_t olds, news, i = 0, k = 0, before = b->size;
	struct entry *old = read_entries(old_text, &olds);
	struct entry *new = read_entries(new_text, &news);

	while (i < olds || k < news) {
		int order = i == olds	? 1
			    : k == news ? -1
					: compare_paths(&old[i], &new[k]);

		if (order < 0) {
			add_entry(b, disk, &old[i++], "is gone");
		} else if (order > 0) {
			add_entry(b, disk, &new[k++], "is new");
		} else {
			if (old[i].size != new[k].size ||
				memcmp(old[i].line, new[k].line, old[i].size) != 0)
				add_entry(b, disk, &new[k], "changed");
			i++;
			k++;
		}
	}
	free(old);
	free(new);
	return b->size - before;
}

/* The old unit's file is there with the size that it should have. */
static int is_whole(
	const struct reasons_input *in, const char *path, const struct artifact *old)
{
	struct stat st;

	return fstatat(in->old_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == old->size_bytes;
}

static int has_old_epoch(const struct reasons_input *in)
{
	return json_integer_value(json_object_get(in->old->root, "epoch")) ==
	       in->plan->epoch;
}

/* Why a disk is made whose old file is whole and of the same time. */
static const char *disk_change(uint64_t old_bytes, uint64_t new_bytes)
{
	if (new_bytes && new_bytes != old_bytes)
		return "its size changed";
	return "its size or how wuc writes disks changed";
}

static void add_output(
	struct buffer *b, const struct reasons_input *in, const struct artifact *old)
{
	const char *why = "the time stamp changed";

	if (!is_whole(in, WU_OUTPUT_IMAGE, old))
		why = "it is missing or damaged";
	else if (has_old_epoch(in))
		why = disk_change(old->size_bytes, in->plan->output.size_bytes);
	buffer_printf(b, "%s: %s\n", WU_OUTPUT_IMAGE, why);
}

/* The disk that has the application; new_bytes: what the recipe says of its size. */
static void add_listed(struct buffer *b, const struct reasons_input *in, const char *disk,
	const struct artifact *old_disk, uint64_t new_bytes)
{
	int whole = is_whole(in, disk, old_disk);
	struct diag ignored = {0};
	size_t size;
	char *old = file_read(
		in->old_fd, WU_APP_LISTING, LISTING_LIMIT_BYTES, &size, &ignored);

	if (!whole)
		buffer_printf(b, "%s: it is missing or damaged\n", disk);
	if (!old)
		buffer_printf(b, "%s: the old unit has no listing of it\n", disk);
	else if (!has_old_epoch(in)) /* every line of the listing has it */
		buffer_printf(b, "%s: the time stamp changed\n", disk);
	else if (!compare_listings(b, disk, old, in->listing->bytes) && whole)
		buffer_printf(b, "%s: %s\n", disk,
			disk_change(old_disk->size_bytes, new_bytes));
	free(old);
	diag_clear(&ignored);
}

static void add_base(struct buffer *b, const struct reasons_input *in, const char *path)
{
	const char *old = old_unit_text(in->old, "base", "digest");

	if (strcmp(old, in->base->digest) == 0)
		buffer_printf(b, "%s: it is missing or damaged\n", path);
	else
		buffer_printf(b, "%s: base %s changed from %.12s to %.12s\n", path,
			in->base->name, old, in->base->digest);
}

/* A disk with everything in it: the base counts, too. */
static void add_disk(
	struct buffer *b, const struct reasons_input *in, const struct artifact *old)
{
	const char *digest = old_unit_text(in->old, "base", "digest");

	if (strcmp(digest, in->base->digest) != 0)
		add_base(b, in, WU_DISK_IMAGE);
	else
		add_listed(b, in, WU_DISK_IMAGE, old, 0);
}

/* While the base is still to be built, what the script would be is not known. */
static void add_script(
	struct buffer *b, const struct reasons_input *in, const struct artifact *old)
{
	if (!is_whole(in, WU_RUN_SCRIPT, old))
		buffer_printf(b, "%s: it is missing or damaged\n", WU_RUN_SCRIPT);
	else if (in->base->folder)
		buffer_printf(
			b, "%s: the machine, the base or wuc changed\n", WU_RUN_SCRIPT);
}

void reasons_add_part(
	struct buffer *b, const struct reasons_input *in, const struct artifact *part)
{
	const char *path = part->path;
	struct artifact old;

	if (!in->old->root)
		buffer_printf(b, "%s: there is no old unit\n", path);
	else if (!old_unit_artifact(in->old, path, &old))
		buffer_printf(b, "%s: the old unit has none\n", path);
	else if (strcmp(path, WU_APP_IMAGE) == 0)
		add_listed(b, in, path, &old, in->plan->app_size_bytes);
	else if (strcmp(path, WU_DISK_IMAGE) == 0)
		add_disk(b, in, &old);
	else if (strncmp(path, WU_BASE_FOLDER "/", strlen(WU_BASE_FOLDER) + 1) == 0)
		add_base(b, in, path);
	else if (strcmp(path, WU_RUN_SCRIPT) == 0)
		add_script(b, in, &old);
	else if (strcmp(path, WU_OUTPUT_IMAGE) == 0)
		add_output(b, in, &old);
	/* The listing follows the app disk, which has said why. */
}

static void add_count(struct buffer *b, size_t count, const char *one, const char *more)
{
	if (count)
		buffer_printf(b, "%s: %zu %s\n", WU_PARAMS_FOLDER, count,
			count == 1 ? one : more);
}

void reasons_add_isos(struct buffer *b, const struct reasons_input *in, const char *kept,
	const char *iso_key)
{
	const struct sweep *s = &in->plan->sweep;
	size_t fresh = 0, again = 0, known = 0, gone;

	for (size_t i = 0; i < s->instance_count; i++) {
		struct artifact old;
		int had = old_unit_iso(in->old, s->instances[i].id, &old);

		known += (size_t)had;
		fresh += !had;
		again += had && !kept[i];
	}
	gone = json_object_size(in->old->isos) - known;
	add_count(b, fresh, "instance is new", "instances are new");
	add_count(b, gone, "instance is gone", "instances are gone");
	if (again && strcmp(old_unit_text(in->old, NULL, "iso_key"), iso_key) != 0)
		add_count(b, again, "CD has another time stamp",
			"CDs have another time stamp");
	else
		add_count(b, again, "CD is missing or damaged",
			"CDs are missing or damaged");
}

void reasons_add_floppies(struct buffer *b, const struct reasons_input *in,
	const char *kept, const char *floppy_key)
{
	const struct sweep *s = &in->plan->sweep;
	size_t fresh = 0, again = 0;

	for (size_t i = 0; i < s->instance_count; i++) {
		struct artifact old;

		if (kept[i] || !old_unit_iso(in->old, s->instances[i].id, &old))
			continue;
		if (old_unit_floppy(in->old, s->instances[i].id, &old))
			again++;
		else
			fresh++;
	}
	add_count(b, fresh, "floppy is new", "floppies are new");
	if (strcmp(old_unit_text(in->old, NULL, "floppy_key"), floppy_key) != 0)
		add_count(b, again, "floppy has another time stamp",
			"floppies have another time stamp");
	else
		add_count(b, again, "floppy is missing or damaged",
			"floppies are missing or damaged");
}
