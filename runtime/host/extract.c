/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "extract.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "image.h"

#define COPY_BYTES (1024 * 1024)
#define FILE_BLOCKS_MAX (1ULL << 32) /* of ext4 */

struct extraction {
	ext2_filsys fs;
	int fd;
	uint64_t offset; /* of fs in fd */
	int dest;
	void (*tell)(void *context, enum extract_note note, const char *path,
		const char *text);
	void *context;
	struct extract_totals *totals;
	struct diag *d;
	struct buffer path;	     /* of what is being extracted, below dest */
	unsigned depth;		     /* folders above it */
	unsigned char *folders_seen; /* a bit an inode */
	void *names;		     /* of files with several: tsearch, struct name */
	uint64_t bytes_left;	     /* the disk cannot hold more than its size */
	uint64_t entries_left;
	uint64_t written_to; /* of the file that is being written */
	int no_copy_range;   /* the kernel cannot here */
	char *chunk;
};

struct name {
	ext2_ino_t inode;
	char *path;
};

struct member {
	ext2_ino_t inode;
	size_t length;
	char *name; /* NUL-terminated */
};

struct listing {
	struct arena arena;
	struct member *list;
	size_t count, room;
	struct extraction *x;
	int too_many;
};

/* Notes the file and goes on. */
static int note(struct extraction *x, enum extract_note kind, const char *text)
{
	x->tell(x->context, kind, x->path.size ? x->path.bytes : "/", text);
	return 0;
}

static int note_damage(struct extraction *x, errcode_t rc)
{
	return note(x, EXTRACT_DAMAGED, error_message(rc));
}

/* What a name or a size of the guest's can cause is the guest's; the rest is ours. */
static int fail_here(struct extraction *x)
{
	if (errno == EEXIST)
		return note(x, EXTRACT_DAMAGED, "its name is there twice");
	/* EINVAL is what FAT says to some names. */
	if (errno == ENAMETOOLONG || errno == EILSEQ || errno == EINVAL ||
		errno == EFBIG || errno == EMLINK)
		return note(x, EXTRACT_LIMITED, strerror(errno));
	return diag_fail_errno(x->d, "%s", x->path.bytes);
}

/* lseek needs no offset: both sides are given. */
static ssize_t copy_part(struct extraction *x, int out, off_t from, off_t to, size_t size)
{
	ssize_t n;

	if (!x->no_copy_range) {
		n = copy_file_range(x->fd, &from, out, &to, size, 0);
		if (n > 0 || (n < 0 && errno != EXDEV && errno != EINVAL &&
				     errno != ENOSYS && errno != EOPNOTSUPP))
			return n;
		x->no_copy_range = 1;
	}
	n = pread(x->fd, x->chunk, size < COPY_BYTES ? size : COPY_BYTES, from);
	if (n > 0 && file_write_at(out, x->chunk, (size_t)n, to) < 0)
		return -1;
	if (n == 0)
		errno = ENODATA;
	return n == 0 ? -1 : n;
}

static int copy_bytes(
	struct extraction *x, int out, uint64_t from, uint64_t to, uint64_t size)
{
	while (size > 0) {
		ssize_t n = copy_part(x, out, (off_t)from, (off_t)to, (size_t)size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		from += (uint64_t)n;
		to += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

/* A run of blocks of one file. Returns 1 where it was copied, 0 where it cannot be what
 * it says (and was noted), -1 where this side failed. */
static int copy_run(struct extraction *x, int out, uint64_t logical, uint64_t physical,
	uint64_t count, uint64_t file_size)
{
	uint64_t to = logical * x->fs->blocksize;
	uint64_t size = count * x->fs->blocksize;

	if (physical == 0 || physical >= ext2fs_blocks_count(x->fs->super) ||
		count > ext2fs_blocks_count(x->fs->super) - physical)
		return note(x, EXTRACT_DAMAGED, "its blocks lie outside the disk");
	if (to >= file_size)
		return 1;
	if (size > file_size - to)
		size = file_size - to;
	if (size > x->bytes_left)
		return note(x, EXTRACT_DAMAGED,
			"the disk says that it holds more than its size");
	if (copy_bytes(x, out, x->offset + physical * x->fs->blocksize, to, size) < 0)
		return fail_here(x) < 0 ? -1 : 0;
	x->written_to = to + size;
	x->bytes_left -= size;
	x->totals->bytes += size;
	return 1;
}

static int copy_leaf(struct extraction *x, int out, const struct ext2fs_extent *e,
	uint64_t *next, uint64_t file_size)
{
	if (e->e_lblk < *next)
		return note(x, EXTRACT_DAMAGED, "its extents overlap");
	*next = e->e_lblk + e->e_len;
	if (e->e_flags & EXT2_EXTENT_FLAGS_UNINIT)
		return 1;
	return copy_run(x, out, e->e_lblk, e->e_pblk, e->e_len, file_size);
}

static int copy_extents(struct extraction *x, int out, ext2_ino_t inode,
	struct ext2_inode *i, uint64_t size)
{
	ext2_extent_handle_t handle;
	struct ext2fs_extent e;
	errcode_t rc = ext2fs_extent_open2(x->fs, inode, i, &handle);
	uint64_t next = 0;
	int copied = 1;

	if (rc)
		return note_damage(x, rc);
	rc = ext2fs_extent_get(handle, EXT2_EXTENT_ROOT, &e);
	while (rc == 0 && copied == 1) {
		if ((e.e_flags & EXT2_EXTENT_FLAGS_LEAF) &&
			!(e.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT))
			copied = copy_leaf(x, out, &e, &next, size);
		if (copied == 1)
			rc = ext2fs_extent_get(handle, EXT2_EXTENT_NEXT, &e);
	}
	ext2fs_extent_free(handle);
	if (copied == 1 && rc != 0 && rc != EXT2_ET_EXTENT_NO_NEXT &&
		rc != EXT2_ET_NO_CURRENT_NODE)
		return note_damage(x, rc);
	return copied;
}

struct block_copy {
	struct extraction *x;
	int out;
	uint64_t size;
	int copied;
};

static int copy_block(ext2_filsys fs, blk64_t *block, e2_blkcnt_t logical,
	blk64_t reference, int offset, void *context)
{
	struct block_copy *c = context;

	(void)fs, (void)reference, (void)offset;
	c->copied = copy_run(c->x, c->out, (uint64_t)logical, *block, 1, c->size);
	return c->copied == 1 ? 0 : BLOCK_ABORT;
}

/* A file without extents: a guest's root can make one. */
static int copy_blocks(struct extraction *x, int out, ext2_ino_t inode, uint64_t size)
{
	struct block_copy c = {x, out, size, 1};
	errcode_t rc = ext2fs_block_iterate3(x->fs, inode,
		BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY, NULL, copy_block, &c);

	if (rc && c.copied == 1)
		return note_damage(x, rc);
	return c.copied;
}

static struct timespec mtime_of(const struct ext2_inode_large *i)
{
	struct timespec t = {.tv_sec = (int32_t)i->i_mtime};

	if (i->i_extra_isize >= 12) {
		t.tv_sec += (time_t)(i->i_mtime_extra & 3) << 32;
		t.tv_nsec = (i->i_mtime_extra >> 2) % 1000000000;
	}
	return t;
}

static void set_mtime(int fd, const struct ext2_inode_large *i)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime_of(i)};

	/* Only a courtesy: a filesystem that has no such time may do without. */
	(void)!futimens(fd, times);
}

static void set_link_mtime(int dir, const char *name, const struct ext2_inode_large *i)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, mtime_of(i)};

	(void)!utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static int fill_file(struct extraction *x, int out, ext2_ino_t inode,
	struct ext2_inode_large *i, uint64_t size)
{
	struct ext2_inode *small = (struct ext2_inode *)i;
	int copied = 1;

	x->written_to = 0;
	if (i->i_flags & EXT4_EXTENTS_FL)
		copied = copy_extents(x, out, inode, small, size);
	else if (size > 0)
		copied = copy_blocks(x, out, inode, size);
	if (copied < 0)
		return -1;
	if (x->written_to != size && ftruncate(out, (off_t)size) < 0)
		return fail_here(x);
	set_mtime(out, i);
	x->totals->files++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct name *one = a, *other = b;

	return one->inode < other->inode ? -1 : one->inode > other->inode;
}

static void remember_name(struct extraction *x, ext2_ino_t inode)
{
	struct name *n = memory_alloc(sizeof(*n));

	n->inode = inode;
	n->path = memory_strdup(x->path.bytes);
	if (!tsearch(n, &x->names, compare_names))
		abort();
}

/* Opens the folder of a path that was made here, following nothing. */
static int open_parent(struct extraction *x, const char *path, const char **last)
{
	int at = openat(x->dest, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (const char *slash; at >= 0 && (slash = strchr(path, '/'));
		path = slash + 1) {
		char part[EXT2_NAME_LEN + 1];
		int above = at;

		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		at = openat(above, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(above);
	}
	*last = path;
	return at;
}

/* Returns 1 where the file got its further name; 0 where the system has no such links
 * here, and a copy must do; -1 on failure. */
static int link_again(struct extraction *x, int dir, const char *name, const char *first)
{
	const char *last;
	CLEANUP(file_close) int from = open_parent(x, first, &last);

	if (from >= 0 && linkat(from, last, dir, name, 0) == 0) {
		x->totals->links++;
		return 1;
	}
	if (from >= 0 && (errno == EXDEV || errno == EPERM || errno == EMLINK ||
				 errno == EOPNOTSUPP))
		return 0;
	return fail_here(x) < 0 ? -1 : 1;
}

static int extract_file(struct extraction *x, int dir, const char *name, ext2_ino_t inode,
	struct ext2_inode_large *i)
{
	const struct name wanted = {.inode = inode};
	uint64_t size = EXT2_I_SIZE((struct ext2_inode *)i);
	CLEANUP(file_close) int out = -1;
	int first = 0;

	if (size > FILE_BLOCKS_MAX * x->fs->blocksize)
		return note(x, EXTRACT_DAMAGED,
			"it says that it is larger than files can be");
	if (size > EXTRACT_FILE_LIMIT_BYTES)
		return note(x, EXTRACT_LIMITED, "larger than 4 TiB");
	if (i->i_links_count > 1) {
		void *known = tfind(&wanted, &x->names, compare_names);
		int linked =
			known ? link_again(x, dir, name, (*(struct name **)known)->path)
			      : 0;

		if (linked != 0)
			return linked < 0 ? -1 : 0;
		first = !known;
	}
	out = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		(i->i_mode & 0777) | 0600);
	if (out < 0)
		return fail_here(x);
	/* Only now is the name this file's: a symbolic link that has it already must not
	 * get another place, from where it would lead elsewhere. */
	if (first)
		remember_name(x, inode);
	return fill_file(x, out, inode, i, size);
}

/* Short targets lie in the inode, longer ones in a block. */
static int read_target(struct extraction *x, ext2_ino_t inode, struct ext2_inode_large *i,
	char target[IMAGE_BLOCK_BYTES])
{
	struct ext2_inode *small = (struct ext2_inode *)i;
	uint64_t size = EXT2_I_SIZE(small);
	blk64_t block = 0;
	errcode_t rc;

	if (size == 0 || size >= x->fs->blocksize)
		return -1;
	memset(target, 0, IMAGE_BLOCK_BYTES);
	if (size < sizeof(i->i_block) && ext2fs_is_fast_symlink(small)) {
		memcpy(target, i->i_block, size);
	} else {
		rc = ext2fs_bmap2(x->fs, inode, small, NULL, 0, 0, NULL, &block);
		if (rc || block == 0 || block >= ext2fs_blocks_count(x->fs->super) ||
			pread(x->fd, target, size,
				(off_t)(x->offset + block * x->fs->blocksize)) !=
				(ssize_t)size)
			return -1;
	}
	return strlen(target) == size ? 0 : -1;
}

static int extract_symlink(struct extraction *x, int dir, const char *name,
	ext2_ino_t inode, struct ext2_inode_large *i)
{
	char target[IMAGE_BLOCK_BYTES];
	const char *fault;

	if (read_target(x, inode, i, target) < 0)
		return note(x, EXTRACT_DAMAGED, "a symbolic link without a target");
	fault = file_link_fault(target, x->depth);
	if (fault)
		return note(x, EXTRACT_SKIPPED, fault);
	if (symlinkat(target, dir, name) < 0)
		/* FAT has none. */
		return errno == EPERM ? note(x, EXTRACT_LIMITED,
						"a symbolic link: the host has none here")
				      : fail_here(x);
	set_link_mtime(dir, name, i);
	x->totals->links++;
	return 0;
}

static int extract_folder(struct extraction *x, int into, ext2_ino_t inode);

/* A folder has one name; one that has two is its own grandparent, or wants to be large.
 */
static int mark_folder(struct extraction *x, ext2_ino_t inode)
{
	unsigned char bit = (unsigned char)(1 << (inode % 8));

	if (x->folders_seen[inode / 8] & bit)
		return -1;
	x->folders_seen[inode / 8] |= bit;
	return 0;
}

static int extract_subfolder(struct extraction *x, int dir, const char *name,
	ext2_ino_t inode, const struct ext2_inode_large *i)
{
	CLEANUP(file_close) int into = -1;
	int rc;

	if (x->depth >= EXTRACT_DEPTH_LIMIT)
		return note(x, EXTRACT_LIMITED, "more than 200 folders deep");
	if (mark_folder(x, inode) < 0)
		return note(x, EXTRACT_DAMAGED, "a folder that is in two places");
	if (mkdirat(dir, name, (i->i_mode & 0777) | 0700) < 0)
		return fail_here(x);
	into = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (into < 0)
		return fail_here(x);
	x->totals->folders++;
	x->depth++;
	rc = extract_folder(x, into, inode);
	x->depth--;
	set_mtime(into, i);
	return rc;
}

static int extract_inode(
	struct extraction *x, int dir, const char *name, ext2_ino_t inode)
{
	struct ext2_inode_large i = {0};
	errcode_t rc =
		ext2fs_read_inode_full(x->fs, inode, (struct ext2_inode *)&i, sizeof(i));

	if (rc)
		return note_damage(x, rc);
	switch (i.i_mode & S_IFMT) {
	case S_IFREG:
		return extract_file(x, dir, name, inode, &i);
	case S_IFDIR:
		return extract_subfolder(x, dir, name, inode, &i);
	case S_IFLNK:
		return extract_symlink(x, dir, name, inode, &i);
	case S_IFBLK:
	case S_IFCHR:
		return note(x, EXTRACT_SKIPPED, "a device");
	case S_IFIFO:
		return note(x, EXTRACT_SKIPPED, "a fifo");
	case S_IFSOCK:
		return note(x, EXTRACT_SKIPPED, "a socket");
	default:
		return note(x, EXTRACT_DAMAGED, "neither file nor folder");
	}
}

static int is_name(const struct member *e)
{
	return e->length > 0 && strlen(e->name) == e->length && !strchr(e->name, '/') &&
	       strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0;
}

static int list_entry(ext2_ino_t dir, int kind, struct ext2_dir_entry *e, int offset,
	int block_bytes, char *block, void *context)
{
	struct listing *l = context;
	size_t length = (size_t)ext2fs_dirent_name_len(e);

	(void)dir, (void)offset, (void)block_bytes, (void)block;
	if (kind == DIRENT_DOT_FILE || kind == DIRENT_DOT_DOT_FILE)
		return 0;
	if (l->x->entries_left == 0) {
		l->too_many = 1;
		return DIRENT_ABORT;
	}
	l->x->entries_left--;
	if (l->count == l->room) {
		l->room = l->room * 2 + 16;
		l->list = memory_resize(l->list, l->room * sizeof(*l->list));
	}
	l->list[l->count++] = (struct member){
		e->inode, length, arena_memdup(&l->arena, e->name, length)};
	return 0;
}

static int extract_entry(struct extraction *x, int into, const struct member *e)
{
	size_t before = x->path.size;
	int rc;

	/* fsck's folder: empty on every disk of ours, and of no use here. */
	if (x->depth == 0 && strcmp(e->name, "lost+found") == 0)
		return 0;
	buffer_printf(&x->path, "%s%.*s", before ? "/" : "", (int)e->length, e->name);
	if (is_name(e))
		rc = extract_inode(x, into, e->name, e->inode);
	else
		rc = note(x, EXTRACT_DAMAGED, "no name for a file");
	x->path.size = before;
	x->path.bytes[before] = '\0';
	return rc;
}

static int extract_folder(struct extraction *x, int into, ext2_ino_t inode)
{
	struct listing l = {.x = x};
	errcode_t damage = ext2fs_dir_iterate2(x->fs, inode, 0, NULL, list_entry, &l);
	int rc = 0;

	for (size_t i = 0; i < l.count && rc == 0; i++)
		rc = extract_entry(x, into, &l.list[i]);
	if (rc == 0 && damage)
		rc = note_damage(x, damage);
	if (rc == 0 && l.too_many)
		rc = note(x, EXTRACT_LIMITED, "more than a million files and folders");
	free(l.list);
	arena_clear(&l.arena);
	return rc;
}

static void forget_name(void *node)
{
	struct name *n = node;

	free(n->path);
	free(n);
}

int extract_all(const struct extract_source *from, int dest,
	void (*tell)(void *context, enum extract_note note, const char *path,
		const char *text),
	void *context, struct extract_totals *totals, struct diag *d)
{
	const ext2_filsys fs = from->fs;
	struct extraction x = {.fs = fs,
		.fd = from->fd,
		.offset = from->offset,
		.dest = dest,
		.tell = tell,
		.context = context,
		.totals = totals,
		.d = d,
		.bytes_left = ext2fs_blocks_count(fs->super) * fs->blocksize,
		.entries_left = EXTRACT_ENTRY_LIMIT};
	int rc;

	buffer_add(&x.path, "", 0);
	x.chunk = memory_alloc(COPY_BYTES);
	x.folders_seen = memory_alloc(fs->super->s_inodes_count / 8 + 1);
	mark_folder(&x, EXT2_ROOT_INO);
	mark_folder(&x, from->folder);
	rc = extract_folder(&x, dest, from->folder);
	tdestroy(x.names, forget_name);
	free(x.folders_seen);
	free(x.chunk);
	buffer_clear(&x.path);
	return rc;
}
