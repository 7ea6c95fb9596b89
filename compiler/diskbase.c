/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diskbase.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base_recipe.h"
#include "common/file.h"
#include "diskformat.h"
#include "diskimage.h"
#include "host.h"
#include "initrd.h"
#include "partitions.h"
#include "place.h"
#include "record.h"
#include "runtime/unit.h"
#include "seed.h"
#include "store.h"
#include "supply.h"

#define DISKBASE_VERSION 1 /* raise it with any change of what the same disk gives */
/* A change right after a look could leave the times as they are. */
#define SETTLED_SECONDS 2

struct build {
	const struct base_plan *plan;
	const struct base_options *options;
	struct diskformat shown;
	const char *path; /* of the image, absolute, links resolved */
	int fd;
	struct stat seen;
	struct base_disk disk;
	struct agent agent; /* where it is brought by a CD */
	struct store store;
	char sha256[DIGEST_HEX]; /* of the image */
	struct arena *arena;
	struct diag *diag;
};

static const char *resolve(struct build *b)
{
	const struct base_plan *p = b->plan;
	struct scan_options o = {.folder = base_recipe_folder(p, b->arena, b->diag),
		.allowed = b->options->allowed,
		.allowed_count = b->options->allowed_count};
	struct item item = {.source = p->disk, .place = p->place};
	struct host h = {.options = &o, .item = &item, .diag = b->diag};
	const char *path;

	if (!o.folder)
		return NULL;
	path = p->disk[0] == '/' ? p->disk
				 : arena_printf(b->arena, "%s/%s", o.folder, p->disk);
	path = host_open(&h) < 0 ? NULL : host_resolve(&h, "a disk image", path, p->disk);
	path = path ? arena_strdup(b->arena, path) : NULL;
	host_close(&h);
	return path;
}

/* In a recipe a partition is named otherwise than on a command line. */
static int choose(struct build *b, const struct partitions *table, struct diag *d)
{
	int number = b->disk.partition;
	struct diag lines = {0};
	struct partition chosen;

	if (partitions_choose(table, b->fd, b->path, number, &chosen, &lines) == 0)
		return 0;
	if (!b->plan->place.file || lines.count == 1) {
		place_fail_all(d, &b->plan->place, &lines);
		return -1;
	}
	diag_clear(&lines);
	if (number == PARTITION_ANY)
		return place_fail(d, &b->plan->place,
			"%s: expected one of its partitions: partition = %s",
			b->plan->disk, partitions_numbers(table, b->arena));
	return place_fail(d, &b->plan->place,
		"%s: has no partition %d: expected partition = %s", b->plan->disk, number,
		partitions_numbers(table, b->arena));
}

/* What is wrong with the partitions is told before the copy where no other program is
 * needed. */
static int check_partition(struct build *b)
{
	struct diag problems = {0};
	struct partitions table;

	if (strcmp(b->disk.format, "raw") != 0)
		return 0;
	if (partitions_read(&table, b->fd, b->plan->disk, b->arena, &problems) < 0)
		return place_fail_all(b->diag, &b->plan->place, &problems);
	if (b->disk.partition == PARTITION_ANY && !b->options->needs_partition)
		return 0;
	return choose(b, &table, b->diag);
}

/* Opens the image and looks at its beginning. */
static int open_image(struct build *b)
{
	struct diag *d = b->diag;

	b->path = resolve(b);
	if (!b->path)
		return -1;
	/* O_NONBLOCK: a fifo must not stop us. */
	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (b->fd < 0 || fstat(b->fd, &b->seen) < 0)
		return diag_fail_errno(d, "%s", b->path);
	if (!S_ISREG(b->seen.st_mode))
		return place_fail(d, &b->plan->place,
			"%s: expected a disk image, found %s", b->plan->disk,
			host_kind_name(b->seen.st_mode));
	if (diskimage_lock(b->fd, b->path, 0, d) < 0)
		return -1;
	b->disk = (struct base_disk){.partition = b->plan->partition,
		.home = b->plan->home,
		.agent = b->plan->agent};
	b->disk.format = diskformat_find(&b->shown, b->fd, b->plan->disk_format, d);
	return b->disk.format ? check_partition(b) : -1;
}

static void add_text(struct buffer *b, const char *name, const char *text)
{
	if (text)
		buffer_printf(b, "%s %zu %s\n", name, strlen(text), text);
}

/* All that decides the base; `image` names the image's contents in some way. */
static void make_key(const struct build *b, const char *image, char key[DIGEST_HEX])
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	buffer_printf(&text,
		"workunit-disk-key %d\nrecord %d\npartition %d\nagent %d\n"
		"epoch %lld\n",
		DISKBASE_VERSION, RECORD_VERSION, b->disk.partition, (int)b->disk.agent,
		(long long)b->plan->epoch);
	add_text(&text, "name", b->plan->name);
	add_text(&text, "description", b->plan->description);
	add_text(&text, "format", b->disk.format);
	add_text(&text, "home", b->disk.home);
	if (b->disk.agent == AGENT_SEED) {
		buffer_printf(&text, "seed %d\n", SEED_WRITER_VERSION);
		add_text(&text, "program", b->agent.sha256);
	}
	add_text(&text, "image", image);
	digest_of_bytes(text.bytes, text.size, key);
}

/* By what the file system says of the image, so that gigabytes need not be read again.
 * 0 where that could be the same for another content. */
static int make_seen_key(const struct build *b, char key[DIGEST_HEX])
{
	const struct stat *s = &b->seen;
	char *image;

	if (s->st_ctime + SETTLED_SECONDS > time(NULL))
		return 0;
	image = memory_printf("file %llx %llx %lld %lld.%09ld %lld.%09ld",
		(unsigned long long)s->st_dev, (unsigned long long)s->st_ino,
		(long long)s->st_size, (long long)s->st_mtime, s->st_mtim.tv_nsec,
		(long long)s->st_ctime, s->st_ctim.tv_nsec);
	make_key(b, image, key);
	free(image);
	return 1;
}

/* 1 where the store has what this key gave. What is damaged there is as good as missing.
 */
static int find_by_key(struct build *b, const char *key, struct base *base)
{
	struct diag damage = {0};
	char digest[DIGEST_HEX];
	const char *place;
	int found;

	if (!store_find_key(&b->store, key, digest))
		return 0;
	place = arena_printf(b->arena, "bases/%s", digest);
	found = record_read(&b->store, digest, base, b->arena, &damage);
	if (found > 0) {
		store_touch(&b->store, place);
	} else if (found < 0) {
		found = 0;
		if (!b->options->find_only) {
			supply_say(b->options, 1, "%s; building it again",
				damage.lines[0].text);
			found = store_remove(&b->store, place, b->diag);
		}
	}
	diag_clear(&damage);
	return found;
}

static int sync_file(int dirfd, const char *file, mode_t mode, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return diag_fail_errno(d, "%s", file);
	return 0;
}

static int copy_image(struct build *b, int dirfd)
{
	CLEANUP(file_close)
	int to = openat(
		dirfd, WU_DISK_IMAGE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (to < 0 || file_copy(b->fd, to, (uint64_t)b->seen.st_size) < 0)
		return diag_fail_errno(b->diag, "%s: its copy in the store", b->path);
	return 0;
}

/* The digest is the copy's, whatever happens to the image meanwhile. */
static int make_files(struct build *b, int dirfd, struct base_file *files, size_t *count)
{
	struct base_file *disk = &files[(*count)++], *seed;

	disk->name = WU_DISK_IMAGE;
	if (copy_image(b, dirfd) < 0 || diskformat_check(&b->shown, dirfd, WU_DISK_IMAGE,
						b->disk.format, b->diag) < 0)
		return -1;
	if (sync_file(dirfd, WU_DISK_IMAGE, 0444, b->diag) < 0 ||
		digest_of_file(dirfd, WU_DISK_IMAGE, disk->sha256, &disk->size_bytes,
			b->diag) < 0)
		return -1;
	if (strcmp(disk->sha256, b->sha256) != 0)
		return diag_fail(b->diag, "%s: was changed while it was read", b->path);
	if (b->disk.agent != AGENT_SEED)
		return 0;
	seed = &files[(*count)++];
	seed->name = WU_SEED_IMAGE;
	if (seed_write(dirfd, WU_SEED_IMAGE, &b->agent, b->disk.home, b->plan->epoch,
		    seed->sha256, &seed->size_bytes, b->diag) < 0)
		return -1;
	return sync_file(dirfd, WU_SEED_IMAGE, 0444, b->diag);
}

static int make_folder(struct build *b, int dirfd, char digest[DIGEST_HEX])
{
	struct base_file files[2] = {0};
	struct record_parts parts = {.plan = b->plan, .files = files, .disk = &b->disk};

	if (make_files(b, dirfd, files, &parts.file_count) < 0)
		return -1;
	return record_write(dirfd, &parts, digest, b->diag);
}

static int build_folder(struct build *b, char digest[DIGEST_HEX])
{
	struct workdir w;
	int rc;

	if (store_make_folder(&b->store, &w, b->diag) < 0)
		return -1;
	supply_say(b->options, 0, "copying disk %s", b->plan->disk);
	rc = make_folder(b, w.fd, digest);
	if (rc == 0)
		rc = store_keep_folder(&b->store, &w,
			arena_printf(b->arena, "bases/%s", digest), b->diag);
	workdir_drop(&w);
	return rc;
}

static int build_new(struct build *b, const char *key, struct base *base)
{
	char digest[DIGEST_HEX];
	int found;

	if (store_lock(&b->store, 0) == 1) {
		supply_say(b->options, 0, "waiting for another build to finish");
		store_lock(&b->store, 1);
		found = find_by_key(b, key, base);
		if (found != 0)
			return found < 0 ? -1 : 0;
	}
	if (build_folder(b, digest) < 0 ||
		store_set_key(&b->store, key, digest, b->diag) < 0)
		return -1;
	if (record_read(&b->store, digest, base, b->arena, b->diag) != 1)
		return -1;
	base->built = 1;
	return 0;
}

static int find_or_build(struct build *b, struct base *base)
{
	char seen[DIGEST_HEX], key[DIGEST_HEX];
	int is_settled = make_seen_key(b, seen);
	int found = is_settled ? find_by_key(b, seen, base) : 0;

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (digest_of_fd(b->fd, b->path, b->sha256, NULL, b->diag) < 0)
		return -1;
	make_key(b, b->sha256, key);
	found = find_by_key(b, key, base);
	if (found < 0)
		return -1;
	if (found == 0 && b->options->find_only) {
		*base = (struct base){
			.name = b->plan->name, .append = "", .disk = &b->disk};
		return 0;
	}
	if (found == 0 && build_new(b, key, base) < 0)
		return -1;
	if (is_settled && !b->options->find_only)
		return store_set_key(&b->store, seen, base->digest, b->diag);
	return 0;
}

static void list_inputs(struct build *b, const struct chain *c, struct base *base)
{
	const char **list = arena_alloc(b->arena, (c->input_count + 3) * sizeof(*list));
	size_t count = 0;

	list[count++] = b->path;
	for (size_t i = 0; i < c->input_count; i++)
		list[count++] = arena_strdup(b->arena, c->inputs[i]);
	if (b->agent.path)
		list[count++] = arena_strdup(b->arena, b->agent.path);
	base->inputs = list;
	base->input_count = count;
}

static void set_up(struct build *b, const struct chain *c, const struct base_options *o,
	struct arena *a, struct diag *d)
{
	const struct base_plan *plan = c->plans[0];

	*b = (struct build){.plan = plan,
		.options = o,
		.shown = {.name = plan->disk, .place = &plan->place},
		.fd = -1,
		.arena = a,
		.diag = d};
}

int diskbase_build(const struct chain *c, const struct base_options *o, struct base *base,
	struct arena *a, struct diag *d)
{
	struct build b;
	int rc;

	*base = (struct base){0};
	set_up(&b, c, o, a, d);
	rc = open_image(&b);
	if (rc == 0 && b.disk.agent == AGENT_SEED)
		rc = agent_read(&b.agent, d);
	if (rc == 0)
		rc = store_open(&b.store, d);
	if (rc == 0) {
		rc = find_or_build(&b, base);
		store_close(&b.store);
	}
	if (rc == 0 && base->disk == &b.disk)
		base->disk = (struct base_disk *)(void *)arena_memdup(
			a, &b.disk, sizeof(b.disk));
	if (rc == 0)
		list_inputs(&b, c, base);
	agent_clear(&b.agent);
	file_close(&b.fd);
	return rc;
}

int diskbase_check(const struct chain *c, const struct base_options *o, struct diag *d)
{
	CLEANUP(arena_clear) struct arena a = {0};
	struct build b;
	int rc;

	set_up(&b, c, o, &a, d);
	rc = open_image(&b);
	file_close(&b.fd);
	return rc;
}
