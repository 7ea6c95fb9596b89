/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "single.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/file.h"
#include "embed.h"
#include "ext2disk.h"
#include "partitions.h"
#include "put.h"
#include "rawcopy.h"

#define AUTORUN "autorun"
#define OUTPUT "output"
#define PARAMETERS "params"

static void render_autorun(struct buffer *b, const struct plan *p)
{
	const char *rest = embed_begin(b, "autorun.sh.in");

	buffer_printf(b, "TIME_MS=%" PRIu64 "\n", p->machine.time_ms);
	buffer_printf(b, "GUEST_USER=%s\n", p->machine.user);
	buffer_printf(b, "PARAMETERS=%s\n", p->sweep.name_count ? "yes" : "no");
	buffer_add_text(b, rest);
}

int single_add(struct tree *t, const struct plan *p, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};
	const char *bytes;

	render_autorun(&text, p);
	bytes = arena_memdup(&t->arena, text.bytes, text.size);
	/* Anybody may write to the output: scripts need not be root's. */
	if (!tree_add_text(t, AUTORUN, bytes, text.size, 0755, NULL, d) ||
		!tree_add(t, OUTPUT, NODE_FOLDER, 01777, NULL, d) ||
		!tree_add(t, PARAMETERS, NODE_FOLDER, 0755, NULL, d))
		return -1;
	return 0;
}

/* The copy's file system, and the folder in it. */
struct place_in {
	struct ext2disk disk;
	struct partition part;
	const char *name; /* what messages call it: "guest.img:1" */
	ext2_ino_t home;
};

static int open_disk(
	struct place_in *in, int fd, const struct single *s, int writable, struct diag *d)
{
	struct partitions table;

	if (partitions_read(&table, fd, s->name, s->arena, d) < 0)
		return -1;
	if (s->partition == PARTITION_ANY && table.count > 1)
		return diag_fail(d,
			"%s: expected one of its partitions, by its number: %s", s->name,
			partitions_numbers(&table, s->arena));
	if (partitions_choose(&table, fd, s->name, s->partition, &in->part, d) < 0)
		return -1;
	in->name = in->part.number == PARTITION_WHOLE
			   ? s->name
			   : arena_printf(s->arena, "%s:%d", s->name, in->part.number);
	return ext2disk_open(
		&in->disk, fd, in->name, in->part.offset, in->part.size, writable, d);
}

static int find_home(struct place_in *in, const struct single *s, struct diag *d)
{
	struct ext2_inode_large i = {0};
	int rc = ext2disk_find(&in->disk, s->home, 1, &in->home, d);

	if (rc == 1 && ext2disk_read_inode(&in->disk, in->home, s->home, &i, d) < 0)
		rc = -1;
	if (rc < 0)
		return -1;
	if (rc == 1 && LINUX_S_ISDIR(i.i_mode))
		return 0;
	return diag_fail(d,
		"%s: %s: expected the folder that the unit goes to, found %s "
		"(home, --home)",
		in->name, s->home, rc == 1 ? "something else" : "nothing");
}

/* What is there already may be anything: nothing of it is merged or replaced. */
static int check_free(struct place_in *in, const struct single *s, struct diag *d)
{
	const struct entries *all = s->tree->root->folder;
	int rc = 0;

	for (size_t i = 0; i < all->count; i++) {
		const char *name = all->list[i]->name;
		const char *path = arena_printf(s->arena, "%s/%s", s->home, name);
		ext2_ino_t ino;
		int found = ext2disk_lookup(&in->disk, in->home, name, path, &ino, d);

		if (found < 0)
			return -1;
		if (found == 1)
			rc = diag_fail(d,
				"%s: %s: expected nothing there, where the unit's is to "
				"be",
				in->name, path);
	}
	return rc;
}

/* The runtime follows no links. */
static int describe(
	struct place_in *in, const struct single *s, struct whole_disk *w, struct diag *d)
{
	const char *path;
	ext2_ino_t output;
	char *found;
	int rc = ext2disk_lookup(&in->disk, in->home, OUTPUT, OUTPUT, &output, d);
	errcode_t failure;

	if (rc <= 0)
		return rc < 0 ? -1 : diag_fail(d, "%s: has no " OUTPUT, in->name);
	failure = ext2fs_get_pathname(in->disk.fs, output, 0, &found);
	if (failure)
		return ext2disk_fail(&in->disk, s->home, failure, d);
	path = arena_strdup(s->arena, found);
	ext2fs_free_mem(&found);
	if (path[0] != '/') /* where it gave up on its way to the root */
		return diag_fail(d, "%s: %s: lies too deep", in->name, s->home);
	*w = (struct whole_disk){
		.output_offset = in->part.offset,
		.output_bytes = in->part.size,
		.output_folder = path,
	};
	return 0;
}

static int place(int fd, const struct single *s, struct whole_disk *w, struct diag *d)
{
	struct put_options o = {.epoch = s->epoch};
	struct place_in in = {.home = 0};
	struct put_report report;
	int rc = open_disk(&in, fd, s, 1, d);

	if (rc == 0)
		rc = find_home(&in, s, d);
	if (rc == 0)
		rc = check_free(&in, s, d);
	if (rc == 0)
		rc = put_tree(&in.disk, in.home, s->home, s->tree, &o, &report, d);
	if (rc == 0)
		rc = describe(&in, s, w, d);
	ext2disk_close(&in.disk);
	return rc;
}

int single_write(int dirfd, const char *file, const struct single *s,
	struct whole_disk *w, struct diag *d)
{
	CLEANUP(file_close)
	int fd = rawcopy_make(dirfd, file, s->image, s->name, s->format, d);
	int rc;

	if (fd < 0)
		return -1;
	rc = place(fd, s, w, d);
	if (rc == 0 && fsync(fd) < 0)
		rc = diag_fail_errno(d, "%s", file);
	if (rc < 0)
		unlinkat(dirfd, file, 0);
	return rc;
}

int single_find(int dirfd, const char *file, const struct single *s, struct whole_disk *w,
	struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct place_in in = {.home = 0};
	int rc;

	if (fd < 0)
		return diag_fail_errno(d, "%s", file);
	rc = open_disk(&in, fd, s, 0, d);
	if (rc == 0)
		rc = find_home(&in, s, d);
	if (rc == 0)
		rc = describe(&in, s, w, d);
	ext2disk_close(&in.disk);
	return rc;
}
