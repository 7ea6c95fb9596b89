/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage: truth-walk FOLDER
 * What the kernel says of the files below a folder. Each is looked up by its name, those
 * of one folder in no order that a listing has; one that is not found ends it all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "listing.h"

#define VALUE_MAX 65536
#define TARGET_MAX 4096

struct names {
	char **list;
	size_t count, room;
};

static void read_names(int folder, struct names *names)
{
	DIR *dir = fdopendir(dup(folder));
	struct dirent *e;

	if (!dir)
		listing_die("fdopendir");
	while (errno = 0, (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (names->count == names->room) {
			names->room = names->room * 2 + 64;
			names->list = listing_resize(
				names->list, names->room * sizeof(*names->list));
		}
		names->list[names->count++] = listing_text("%s", e->d_name);
	}
	if (errno)
		listing_die("readdir");
	closedir(dir);
}

static void shuffle(struct names *names)
{
	uint32_t random = 12345;

	for (size_t i = names->count; i > 1; i--) {
		size_t other = (random = random * 1664525 + 1013904223) % i;
		char *name = names->list[i - 1];

		names->list[i - 1] = names->list[other];
		names->list[other] = name;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `path` leads to a name in the current folder. */
static void read_xattrs(struct entry *e, const char *path)
{
	static char list[VALUE_MAX], value[VALUE_MAX];
	ssize_t size = llistxattr(path, list, sizeof(list));
	char *names[VALUE_MAX / 2];
	size_t count = 0;

	if (size < 0 && errno == EOPNOTSUPP)
		return;
	if (size < 0)
		listing_die(path);
	for (char *p = list; p < list + size; p += strlen(p) + 1)
		names[count++] = p;
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		size = lgetxattr(path, names[i], value, sizeof(value));
		if (size < 0)
			listing_die(names[i]);
		listing_add_xattr(&e->xattrs, names[i], value, (size_t)size);
	}
}

static void read_run(struct entry *e, int fd, off_t start, off_t end)
{
	char block[LISTING_BLOCK];

	for (off_t at = start; at < end; at += LISTING_BLOCK) {
		ssize_t n = pread(fd, block, sizeof(block), at);

		if (n <= 0)
			listing_die(e->path);
		listing_digest_block(
			&e->digest, (uint64_t)at / LISTING_BLOCK, block, (size_t)n);
	}
}

static void read_contents(struct entry *e, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	off_t data, hole = 0;

	if (fd < 0)
		listing_die(e->path);
	e->digest = LISTING_DIGEST;
	while ((data = lseek(fd, hole, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			listing_die(e->path);
		data = data / LISTING_BLOCK * LISTING_BLOCK;
		listing_add_data(&e->data, (uint64_t)data / LISTING_BLOCK,
			(uint64_t)(hole - 1) / LISTING_BLOCK);
		read_run(e, fd, data, hole);
	}
	if (errno != ENXIO)
		listing_die(e->path);
	close(fd);
}

static void read_target(struct entry *e, int folder, const char *name)
{
	ssize_t n;

	e->target = listing_resize(NULL, TARGET_MAX);
	n = readlinkat(folder, name, e->target, TARGET_MAX);
	if (n < 0 || n >= TARGET_MAX)
		listing_die(e->path);
	e->target[n] = '\0';
}

static void add_entry(struct listing *l, int folder, const char *path, const char *name,
	int brief, struct stat *s)
{
	struct entry *e = listing_add(l, path);

	if (fstatat(folder, name, s, AT_SYMLINK_NOFOLLOW) < 0)
		listing_die(path);
	e->mode = s->st_mode;
	e->uid = s->st_uid;
	e->gid = s->st_gid;
	e->size = (uint64_t)s->st_size;
	e->brief = brief;
	if (brief)
		return;
	e->links = (uint32_t)s->st_nlink;
	e->mtime = s->st_mtim.tv_sec;
	e->mtime_ns = (uint32_t)s->st_mtim.tv_nsec;
	e->major = major(s->st_rdev);
	e->minor = minor(s->st_rdev);
	e->identity = s->st_ino;
	if (S_ISREG(s->st_mode))
		read_contents(e, folder, name);
	if (S_ISLNK(s->st_mode))
		read_target(e, folder, name);
	/* Paths may be longer than a system call takes: the name alone never is. */
	if (fchdir(folder) < 0)
		listing_die(path);
	read_xattrs(e, name);
}

static void walk(struct listing *l, int *folder, const char *above);

/* Descriptors are few, folders may be deep: the one above is opened again afterwards. */
static void walk_into(struct listing *l, int *folder, const char *name, const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int above = *folder;

	*folder = openat(above, name, flags);
	close(above);
	if (*folder < 0)
		listing_die(path);
	walk(l, folder, path);
	above = openat(*folder, "..", flags);
	close(*folder);
	if (above < 0)
		listing_die(path);
	*folder = above;
}

static void walk(struct listing *l, int *folder, const char *above)
{
	struct names names = {0};
	int brief;

	read_names(*folder, &names);
	shuffle(&names);
	brief = names.count > LISTING_BRIEF;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.list[i];
		char *path = *above ? listing_text("%s/%s", above, name)
				    : listing_text("%s", name);
		struct stat s;

		if (strcmp(path, "lost+found") != 0) {
			add_entry(l, *folder, path, name, brief, &s);
			if (S_ISDIR(s.st_mode) && !brief)
				walk_into(l, folder, name, path);
		}
		free(path);
		free(names.list[i]);
	}
	free(names.list);
}

int main(int argc, char **argv)
{
	struct listing l = {0};
	int top = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (argc != 2) {
		fprintf(stderr, "usage: truth-walk FOLDER\n");
		return 2;
	}
	if (top < 0)
		listing_die(argv[1]);
	walk(&l, &top, "");
	return listing_print(&l) == 0 ? 0 : 2;
}
