/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "install.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "diskformat.h"
#include "diskimage.h"
#include "embed.h"
#include "ext2disk.h"
#include "initrd.h"
#include "outfile.h"
#include "put.h"
#include "rawcopy.h"
#include "runtime/unit.h"

#define PROGRAM "usr/local/sbin/wuguest"
#define START "usr/local/sbin/wuguest-start"
#define INITTAB "/etc/inittab"
#define INITTAB_BYTES 65536

/* As sysvinit and BusyBox's init both read it: a name to one, a terminal to the other.
 * (Debian's sysvinit starts no link of /etc/rc2.d that its insserv has not seen.) */
#define INITTAB_ENTRY "null:2345:once:/" START "\n"
/* What BusyBox's init does without a table. */
#define INITTAB_DEFAULT                                                                  \
	"::sysinit:/etc/init.d/rcS\n"                                                    \
	"::ctrlaltdel:/sbin/reboot\n"                                                    \
	"::shutdown:/bin/umount -a -r\n"

/* What an installation goes through. */
struct job {
	const struct install *install;
	struct ext2disk disk;
	struct tree tree;
	struct agent agent;
	struct arena *arena;
	int64_t epoch; /* of all that changes */
	struct diag *d;
};

/* --- what is there --- */

/* 1 with its inode where there is something, links followed; 0, or -1. */
static int look(struct job *j, const char *path, ext2_ino_t *ino, int *mode)
{
	struct ext2_inode_large i;
	int rc = ext2disk_find(&j->disk, path, 1, ino, j->d);

	if (rc == 1 && ext2disk_read_inode(&j->disk, *ino, path, &i, j->d) < 0)
		return -1;
	*mode = rc == 1 ? i.i_mode : 0;
	return rc;
}

/* 1 where the path leads to the same file as /sbin/init. */
static int is_init(struct job *j, const char *path)
{
	ext2_ino_t init, other;
	int mode, found = look(j, "/sbin/init", &init, &mode);

	if (found == 1)
		found = look(j, path, &other, &mode);
	return found == 1 ? init == other : found;
}

static int has_folder(struct job *j, const char *path)
{
	ext2_ino_t ino;
	int mode, found = look(j, path, &ino, &mode);

	return found == 1 ? LINUX_S_ISDIR(mode) : found;
}

static int has_file(struct job *j, const char *path)
{
	ext2_ino_t ino;
	int mode, found = look(j, path, &ino, &mode);

	return found == 1 ? LINUX_S_ISREG(mode) : found;
}

/* As look(), of what is to be used: a link to nothing is an error. */
static int look_firmly(struct job *j, const char *path, ext2_ino_t *ino, int *mode)
{
	int found = look(j, path, ino, mode), is_link = 0;

	if (found == 0)
		is_link = ext2disk_find(&j->disk, path, 0, ino, j->d);
	if (is_link > 0)
		return diag_fail(
			j->d, "%s: %s: a symbolic link to nothing", j->disk.name, path);
	return is_link < 0 ? -1 : found;
}

/* -1 where it is none. */
static int get_table_size(struct job *j, ext2_ino_t ino)
{
	struct ext2_inode_large i;
	uint64_t size;

	if (ext2disk_read_inode(&j->disk, ino, INITTAB, &i, j->d) < 0)
		return -1;
	size = EXT2_I_SIZE((struct ext2_inode *)&i);
	if (!LINUX_S_ISREG(i.i_mode) || ino < EXT2_FIRST_INO(j->disk.fs->super))
		return diag_fail(j->d, "%s: " INITTAB ": expected a file", j->disk.name);
	if (size <= INITTAB_BYTES)
		return (int)size;
	return diag_fail(j->d,
		"%s: " INITTAB ": expected a table of at most %d bytes, found %llu",
		j->disk.name, INITTAB_BYTES, (unsigned long long)size);
}

/* The table's text; the arena's. NULL where it cannot be read. */
static const char *read_table(struct job *j, ext2_ino_t ino)
{
	int size = get_table_size(j, ino);
	char *text = arena_alloc(j->arena, INITTAB_BYTES + 1);
	ext2_file_t file;
	unsigned got = 0;
	errcode_t rc;

	if (size < 0)
		return NULL;
	rc = ext2fs_file_open(j->disk.fs, ino, 0, &file);
	if (!rc) {
		/* Of one that lies in its inode libext2fs reads more than there is. */
		rc = ext2fs_file_read(file, text, (unsigned)size, &got);
		ext2fs_file_close(file);
	}
	if (rc) {
		ext2disk_fail(&j->disk, INITTAB, rc, j->d);
		return NULL;
	}
	if (got != (unsigned)size || strlen(text) != got) {
		diag_fail(
			j->d, "%s: " INITTAB ": expected a table of text", j->disk.name);
		return NULL;
	}
	return text;
}

/* Writes all of it: libext2fs cannot go on at the end of a file that lies in its inode.
 */
static errcode_t write_text(struct job *j, ext2_ino_t ino, const char *text)
{
	unsigned put = 0, size = (unsigned)strlen(text);
	ext2_file_t file;
	errcode_t rc, closed;

	rc = ext2fs_file_open(j->disk.fs, ino, EXT2_FILE_WRITE, &file);
	if (rc)
		return rc;
	rc = ext2fs_file_write(file, text, size, &put);
	closed = ext2fs_file_close(file);
	if (rc || closed)
		return rc ? rc : closed;
	return put == size ? 0 : EXT2_ET_SHORT_WRITE;
}

/* Of a file that gets longer, in place: it keeps its mode, owner, attributes and what
 * links to it. */
static int change_text(struct job *j, ext2_ino_t ino, const char *path, const char *text)
{
	struct ext2_inode_large i;
	__u32 unused;
	int large;
	errcode_t rc = write_text(j, ino, text);

	if (rc)
		return ext2disk_fail(&j->disk, path, rc, j->d);
	if (ext2disk_read_inode(&j->disk, ino, path, &i, j->d) < 0)
		return -1;
	large = i.i_extra_isize >= 24;
	ext2disk_set_time(&i.i_mtime, large ? &i.i_mtime_extra : &unused, j->epoch, 0);
	ext2disk_set_time(&i.i_ctime, large ? &i.i_ctime_extra : &unused, j->epoch, 0);
	rc = ext2fs_write_inode_full(j->disk.fs, ino, (struct ext2_inode *)&i,
		large ? (int)sizeof(i) : EXT2_GOOD_OLD_INODE_SIZE);
	return rc ? ext2disk_fail(&j->disk, path, rc, j->d) : 0;
}

/* --- what is to be there --- */

static int add_text(struct job *j, const char *path, const char *text, mode_t mode)
{
	return tree_add_text(&j->tree, path, text, strlen(text), mode, NULL, j->d) ? 0
										   : -1;
}

static int add_embedded(struct job *j, const char *path, const char *name, mode_t mode)
{
	size_t size;
	const char *text = embed_find(name, &size);

	return tree_add_text(&j->tree, path, text, size, mode, NULL, j->d) ? 0 : -1;
}

static int add_link(struct job *j, const char *path, const char *target)
{
	struct node *n = tree_add(&j->tree, path, NODE_SYMLINK, 0777, NULL, j->d);

	if (!n)
		return -1;
	n->target = target;
	return 0;
}

static int add_systemd(struct job *j)
{
	if (add_embedded(j, "etc/systemd/system/wuguest.service", "wuguest.service.in",
		    0644) < 0)
		return -1;
	return add_link(j, "etc/systemd/system/multi-user.target.wants/wuguest.service",
		"../wuguest.service");
}

/* The last line of a table need not end. */
static int add_inittab(struct job *j)
{
	const char *old;
	ext2_ino_t ino;
	size_t size;
	int mode, there = look_firmly(j, INITTAB, &ino, &mode);

	if (there < 0)
		return -1;
	if (!there)
		return add_text(j, INITTAB + 1, INITTAB_DEFAULT INITTAB_ENTRY, 0644);
	old = read_table(j, ino);
	if (!old)
		return -1;
	if (strstr(old, INITTAB_ENTRY))
		return 0;
	size = strlen(old);
	return change_text(j, ino, INITTAB,
		arena_printf(j->arena, "%s%s" INITTAB_ENTRY, old,
			size && old[size - 1] != '\n' ? "\n" : ""));
}

static int is_systemd(struct job *j)
{
	int is = is_init(j, "/lib/systemd/systemd");

	return is ? is : is_init(j, "/usr/lib/systemd/systemd");
}

static int is_busybox(struct job *j)
{
	int is = is_init(j, "/bin/busybox");

	return is ? is : is_init(j, "/usr/bin/busybox");
}

static int is_sysvinit(struct job *j)
{
	int is = has_file(j, INITTAB);

	return is == 1 ? has_folder(j, "/etc/rc2.d") : is;
}

static int has_inittab(struct job *j)
{
	return has_file(j, INITTAB);
}

/* Of two that hold the first counts. */
static const struct {
	const char *name;
	int (*is)(struct job *j);
	int (*add)(struct job *j);
} inits[] = {
	{"systemd", is_systemd, add_systemd},
	{"BusyBox init", is_busybox, add_inittab},
	{"sysvinit", is_sysvinit, add_inittab},
	{"an init with an inittab", has_inittab, add_inittab},
};

static int add_service(struct job *j, const char **name)
{
	for (size_t i = 0; i < sizeof(inits) / sizeof(*inits); i++) {
		int is = inits[i].is(j);

		if (is < 0)
			return -1;
		if (is) {
			*name = inits[i].name;
			return inits[i].add(j);
		}
	}
	return diag_fail(j->d,
		"%s: expected an init that is known (systemd, sysvinit, BusyBox's), "
		"found none",
		j->disk.name);
}

/* A folder that is there already stays. */
static int add_folders(struct job *j)
{
	static const char *const folders[] = {
		"/app", "/input", "/scripts", "/params", "/output", WU_DROPPED_FOLDER};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		const char *path = folders[i];
		ext2_ino_t ino;
		int mode, there = look_firmly(j, path, &ino, &mode);

		if (there < 0 || (there == 0 && !tree_add(&j->tree, path + 1, NODE_FOLDER,
							0755, NULL, j->d)))
			return -1;
		if (there > 0 && !LINUX_S_ISDIR(mode))
			return diag_fail(j->d,
				"%s: %s: expected a folder, found something else",
				j->disk.name, path);
	}
	return 0;
}

static int add_all(struct job *j, const char **init)
{
	if (add_service(j, init) < 0 || add_folders(j) < 0 ||
		add_embedded(j, START, "wuguest-start.in", 0755) < 0)
		return -1;
	return tree_add_text(
		       &j->tree, PROGRAM, j->agent.bytes, j->agent.size, 0755, NULL, j->d)
		       ? 0
		       : -1;
}

/* --- the copy --- */

static int put_all(struct job *j, struct installed *made)
{
	struct put_options o = {.replace = 1, .epoch = j->install->epoch};
	struct put_report report;
	int rc;

	/* A time of 0 would be the present. */
	if (o.epoch < 0)
		o.epoch = j->disk.fs->super->s_wtime;
	if (o.epoch == 0)
		o.epoch = 1;
	j->epoch = o.epoch;
	j->disk.fs->now = o.epoch;
	tree_init(&j->tree, o.epoch);
	rc = add_all(j, &made->init);
	if (rc == 0) {
		tree_finish(&j->tree);
		rc = put_tree(&j->disk, EXT2_ROOT_INO, "/", &j->tree, &o, &report, j->d);
	}
	tree_clear(&j->tree);
	return rc;
}

static int change(
	struct job *j, int fd, const char *name, int number, struct installed *made)
{
	struct partitions table;
	struct partition part;
	int rc;

	if (partitions_read(&table, fd, name, j->arena, j->d) < 0 ||
		partitions_choose(&table, fd, name, number, &part, j->d) < 0)
		return -1;
	if (part.number != PARTITION_WHOLE)
		name = arena_printf(j->arena, "%s:%d", name, part.number);
	rc = ext2disk_open(&j->disk, fd, name, part.offset, part.size, 1, j->d);
	if (rc == 0)
		rc = put_all(j, made);
	ext2disk_close(&j->disk);
	return rc;
}

/* Which file it is, of which format, and that nobody writes to it. */
struct source {
	const char *path, *format;
	char *real;
	int number, fd;
};

static int check_whole(
	const struct source *s, const struct diskformat *shown, struct diag *d)
{
	CLEANUP(file_close)
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return diag_fail_errno(d, "/");
	return diskformat_check(shown, root, s->real + 1, s->format, d);
}

static int open_source(struct source *s, struct job *j)
{
	const struct install *i = j->install;
	struct diskformat shown;
	struct stat from, to;

	if (diskimage_split(i->image, j->arena, &s->path, &s->number, j->d) < 0)
		return -1;
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	s->real = s->fd < 0 ? NULL : realpath(s->path, NULL);
	if (!s->real || fstat(s->fd, &from) < 0)
		return diag_fail_errno(j->d, "%s", s->path);
	if (!S_ISREG(from.st_mode))
		return diag_fail(j->d, "%s: expected a disk image", s->path);
	if (stat(i->output, &to) == 0 && to.st_dev == from.st_dev &&
		to.st_ino == from.st_ino)
		return diag_fail(
			j->d, "%s: is the image itself: expected a new file", i->output);
	if (diskimage_lock(s->fd, s->path, 0, j->d) < 0)
		return -1;
	shown = (struct diskformat){.name = s->path};
	s->format = diskformat_find(&shown, s->fd, i->format, j->d);
	if (!s->format)
		return -1;
	return check_whole(s, &shown, j->d);
}

static int make(struct job *j, const struct source *s, struct installed *made)
{
	struct outfile out;
	int rc = outfile_open(&out, j->install->output, j->arena, j->d);

	if (rc == 0)
		rc = outfile_begin(&out, j->d);
	if (rc == 0) {
		CLEANUP(file_close)
		int fd = rawcopy_make(
			out.work.fd, out.name, s->real, s->path, s->format, j->d);

		rc = fd < 0 ? -1 : change(j, fd, s->path, s->number, made);
	}
	if (rc == 0)
		rc = outfile_publish(&out, j->d);
	made->size_bytes = out.size_bytes;
	outfile_close(&out);
	return rc;
}

int install_agent(
	const struct install *i, struct installed *made, struct arena *a, struct diag *d)
{
	struct job j = {.install = i, .arena = a, .d = d};
	struct source s = {.fd = -1};
	int rc = open_source(&s, &j);

	if (rc == 0)
		rc = agent_read(&j.agent, d);
	if (rc == 0)
		rc = make(&j, &s, made);
	agent_clear(&j.agent);
	file_close(&s.fd);
	free(s.real);
	return rc;
}
