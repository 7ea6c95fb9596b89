/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "get.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "get_out.h"

#define CHUNK_BYTES (1024 * 1024)
/* Each takes a descriptor and some stack. A path that open(2) takes has no more parts. */
#define DEPTH_MAX 2048
#define DEPTH_WORDS "more than 2048 folders deep"
#define FILE_BLOCKS_MAX (1ULL << 32) /* of ext4 */

static int skip(struct get *g, const char *why)
{
	g->skipped(g->context, g->path.bytes, why);
	return 0;
}

static int damage(struct get *g, const char *why)
{
	g->damaged = 1;
	return skip(g, why);
}

/* The disk may be sound. */
static int limit(struct get *g, const char *why)
{
	if (!g->limit)
		g->limit = why;
	return skip(g, why);
}

/* By the name that what is coming out has here. */
static int fail_write(struct get *g)
{
	size_t size = strlen(g->top_name);
	int bare = size == 0 || g->here.size == 0 || g->top_name[size - 1] == '/';

	return diag_fail_errno(
		g->d, "%s%s%s", g->top_name, bare ? "" : "/", g->here.bytes);
}

/* What the host cannot hold ends nothing. EINVAL is what FAT says to some names. */
static int fail_here(struct get *g)
{
	if (errno == ENAMETOOLONG || errno == EILSEQ || errno == EINVAL ||
		errno == EFBIG || errno == EMLINK || errno == EMFILE)
		return limit(g, strerror(errno));
	return fail_write(g);
}

static const char *drop_prefix(const char *text, const char *prefix)
{
	size_t size = strlen(prefix);

	return strncmp(text, prefix, size) == 0 && strncmp(text + size, ": ", 2) == 0
		       ? text + size + 2
		       : text;
}

/* Lines that say that the disk is damaged end nothing, and need not say where. */
static int note_damage(struct get *g, struct diag *d)
{
	for (size_t i = 0; i < d->count; i++)
		damage(g, drop_prefix(drop_prefix(d->lines[i].text, g->x->name),
				  g->path.bytes));
	diag_clear(d);
	return 0;
}

struct copy {
	struct get *g;
	int out;
	uint64_t size, written_to;
};

/* 0, 1 where the host cannot hold it, or -1; blocks of zeros are left as holes. */
static int copy_part(struct copy *c, uint64_t from, uint64_t to, size_t size)
{
	struct get *g = c->g;

	if (ext2disk_io_read(&g->x->io, from, g->chunk, size) < 0)
		return diag_fail_errno(g->d, "%s", g->x->name);
	if (memory_is_zero(g->chunk, size))
		return 0;
	if (file_write_at(c->out, g->chunk, size, (off_t)to) < 0)
		return fail_here(g) < 0 ? -1 : 1;
	c->written_to = to + size;
	return 0;
}

static int copy_run(void *context, uint64_t logical, uint64_t physical, uint64_t count)
{
	struct copy *c = context;
	uint64_t bytes = c->g->x->fs->blocksize, to = logical * bytes;
	uint64_t size = count * bytes;

	if (to >= c->size)
		return 0;
	if (size > c->size - to)
		size = c->size - to;
	if (size > c->g->bytes_left) {
		damage(c->g, "the disk says that it holds more than its size");
		return 1;
	}
	c->g->bytes_left -= size;
	for (uint64_t done = 0; done < size; done += CHUNK_BYTES) {
		uint64_t part = size - done < CHUNK_BYTES ? size - done : CHUNK_BYTES;
		int rc = copy_part(c, physical * bytes + done, to + done, (size_t)part);

		if (rc != 0)
			return rc;
	}
	return 0;
}

/* A small file whose bytes lie in its inode. 0, 1 where it was left out, or -1. */
static int copy_inline(struct copy *c, ext2_ino_t ino)
{
	struct get *g = c->g;
	char *bytes;
	size_t size;
	errcode_t rc = ext2fs_inline_data_size(g->x->fs, ino, &size);
	int failed = 0;

	if (!rc && size > g->x->fs->blocksize)
		rc = EXT2_ET_FILE_TOO_BIG;
	if (rc) {
		damage(g, error_message(rc));
		return 1;
	}
	bytes = memory_alloc(size + 1);
	rc = ext2fs_inline_data_get(g->x->fs, ino, NULL, bytes, &size);
	if (size > c->size)
		size = (size_t)c->size;
	if (rc)
		damage(g, error_message(rc));
	else if (file_write_at(c->out, bytes, size, 0) < 0)
		failed = fail_here(g) < 0 ? -1 : 1;
	c->written_to = size;
	free(bytes);
	return rc ? 1 : failed;
}

static void set_time(int fd, const struct ext2_inode_large *i)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, ext2disk_mtime(i)};

	/* Only a courtesy: a file system that has no such time may do without. */
	(void)!futimens(fd, times);
}

static int fill(struct get *g, ext2_ino_t ino, int out, const struct ext2_inode_large *i,
	uint64_t size)
{
	struct copy c = {.g = g, .out = out, .size = size};
	struct diag d = {0};
	int rc;

	if (i->i_flags & EXT4_INLINE_DATA_FL)
		rc = copy_inline(&c, ino);
	else
		rc = ext2disk_runs(g->x, ino, g->path.bytes, copy_run, &c, &d);
	if (d.count)
		rc = 1, note_damage(g, &d);
	if (rc != 0)
		return rc;
	if (c.written_to != size && ftruncate(out, (off_t)size) < 0)
		return fail_here(g) < 0 ? -1 : 1;
	set_time(out, i);
	return 0;
}

/* What is damaged or too large does not stay: half a file looks like a whole one. */
static int get_contents(struct get *g, ext2_ino_t ino, int into, const char *name,
	const struct ext2_inode_large *i)
{
	uint64_t size = EXT2_I_SIZE((const struct ext2_inode *)i);
	struct get_out out;
	int rc;

	if (get_out_open(
		    &out, into, name, (i->i_mode & 0777) | 0600, size, &g->nameless) < 0)
		return fail_here(g);
	rc = fill(g, ino, out.fd, i, size);
	if (rc == 0 && get_out_keep(&out) < 0)
		rc = fail_here(g) < 0 ? -1 : 1;
	/* What has failed was told. */
	if (get_out_close(&out) < 0 && rc > 0)
		rc = fail_write(g);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	g->files++;
	g->bytes += size;
	if (i->i_links_count > 1)
		get_links_note(&g->links_known, ino, g->here.bytes);
	return 0;
}

static int get_file(struct get *g, ext2_ino_t ino, int into, const char *name,
	const struct ext2_inode_large *i)
{
	int rc;

	if (EXT2_I_SIZE((const struct ext2_inode *)i) >
		FILE_BLOCKS_MAX * g->x->fs->blocksize)
		return damage(g, "it says that it is larger than files can be");
	if (i->i_flags & EXT4_ENCRYPT_FL)
		return skip(g, "an encrypted file");
	if (i->i_links_count > 1) {
		rc = get_links_make(&g->links_known, ino, into, name);
		if (rc < 0)
			return fail_here(g);
		g->files += (uint64_t)rc;
		if (rc)
			return 0;
	}
	return get_contents(g, ino, into, name, i);
}

static void set_link_time(int into, const char *name, const struct ext2_inode_large *i)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, ext2disk_mtime(i)};

	(void)!utimensat(into, name, times, AT_SYMLINK_NOFOLLOW);
}

static int get_symlink(struct get *g, ext2_ino_t ino, int into, const char *name,
	const struct ext2_inode_large *i)
{
	char target[EXT2DISK_TARGET_MAX];
	struct diag d = {0};
	const char *fault;

	if (ext2disk_read_target(g->x, ino, g->path.bytes, target, &d) < 0)
		return note_damage(g, &d);
	fault = file_link_fault(target, g->depth ? g->depth - 1 : 0);
	if (fault)
		return skip(g, fault);
	if (symlinkat(target, into, name) < 0)
		/* FAT has none. */
		return errno == EPERM
			       ? limit(g, "a symbolic link: the host has none here")
			       : fail_here(g);
	set_link_time(into, name, i);
	g->links++;
	return 0;
}

static int get_node(struct get *g, ext2_ino_t ino, int into, const char *name);

static int get_entry(struct get *g, const struct ext2disk_entry *e, int into, int again)
{
	size_t before = g->path.size;
	int rc;

	buffer_printf(&g->path, "%s%s",
		before && g->path.bytes[before - 1] == '/' ? "" : "/", e->name);
	rc = again ? damage(g, "its name is there twice")
		   : get_node(g, e->ino, into, e->name);
	g->path.size = before;
	g->path.bytes[before] = '\0';
	return rc;
}

static int get_entries(struct get *g, ext2_ino_t ino, int into)
{
	struct arena a = {0};
	struct ext2disk_entry *list;
	struct diag d = {0};
	size_t count;
	int root = ino == EXT2_ROOT_INO;
	int rc = ext2disk_list(g->x, ino, g->path.bytes, &a, &list, &count, &d);

	if (rc > 0)
		limit(g, "a folder with more than ten million entries");
	else
		note_damage(g, &d);
	diag_clear(&d);
	rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		int again = i > 0 && strcmp(list[i].name, list[i - 1].name) == 0;

		/* e2fsck's folder. */
		if (root && strcmp(list[i].name, "lost+found") == 0)
			continue;
		rc = get_entry(g, &list[i], into, again);
	}
	arena_clear(&a);
	return rc;
}

/* A folder has one name; one that has two is its own grandparent, or wants to be large.
 */
static int is_seen(struct get *g, ext2_ino_t ino)
{
	unsigned char bit = (unsigned char)(1 << ino % 8);
	int seen = g->folders_seen[ino / 8] & bit;

	g->folders_seen[ino / 8] |= bit;
	return seen;
}

static int get_folder(struct get *g, ext2_ino_t ino, int into, const char *name,
	const struct ext2_inode_large *i)
{
	CLEANUP(file_close) int here = -1;
	int rc;

	if (g->depth >= DEPTH_MAX)
		return limit(g, DEPTH_WORDS);
	if (is_seen(g, ino))
		return damage(g, "a folder that is in two places");
	if (i->i_flags & EXT4_ENCRYPT_FL)
		return skip(g, "an encrypted folder");
	if (name && mkdirat(into, name, (i->i_mode & 0777) | 0700) < 0)
		return fail_here(g);
	here = openat(
		into, name ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (here < 0)
		return fail_here(g);
	g->folders++;
	g->depth++;
	rc = get_entries(g, ino, here);
	g->depth--;
	if (name)
		set_time(here, i);
	return rc;
}

static int get_kind(struct get *g, ext2_ino_t ino, int into, const char *name)
{
	struct ext2_inode_large i;
	struct diag d = {0};

	if (ino == 0 || ino > g->x->fs->super->s_inodes_count)
		return damage(g, "an inode that does not exist");
	if (ext2disk_read_inode(g->x, ino, g->path.bytes, &i, &d) < 0)
		return note_damage(g, &d);
	switch (i.i_mode & LINUX_S_IFMT) {
	case LINUX_S_IFREG:
		return get_file(g, ino, into, name, &i);
	case LINUX_S_IFDIR:
		return get_folder(g, ino, into, name, &i);
	case LINUX_S_IFLNK:
		return get_symlink(g, ino, into, name, &i);
	case LINUX_S_IFBLK:
	case LINUX_S_IFCHR:
		return skip(g, "a device");
	case LINUX_S_IFIFO:
		return skip(g, "a fifo");
	case LINUX_S_IFSOCK:
		return skip(g, "a socket");
	default:
		return damage(g, "neither file nor folder");
	}
}

/* Keeps the path below the top. */
static int get_node(struct get *g, ext2_ino_t ino, int into, const char *name)
{
	size_t before = g->here.size;
	int rc;

	if (name)
		buffer_printf(&g->here, "%s%s", before ? "/" : "", name);
	rc = get_kind(g, ino, into, name);
	g->here.size = before;
	g->here.bytes[before] = '\0';
	return rc;
}

int get_inode(struct get *g, ext2_ino_t ino, const char *path, const char *name)
{
	struct ext2_super_block *s = g->x->fs->super;

	/* What the caller asks for may overlap; what lies in one folder may not. */
	free(g->folders_seen);
	g->folders_seen = memory_alloc(s->s_inodes_count / 8 + 1);
	g->bytes_left = ext2fs_blocks_count(s) * g->x->fs->blocksize;
	g->path.size = 0;
	buffer_add_text(&g->path, path);
	return get_node(g, ino, g->top, name);
}

void get_begin(struct get *g)
{
	buffer_add(&g->here, "", 0);
	g->links_known = (struct get_links){.top = g->top};
	g->nameless = get_out_may_be_nameless();
	g->chunk = memory_alloc(CHUNK_BYTES);
}

void get_end(struct get *g)
{
	get_links_clear(&g->links_known);
	buffer_clear(&g->here);
	buffer_clear(&g->path);
	free(g->chunk);
	free(g->folders_seen);
}
