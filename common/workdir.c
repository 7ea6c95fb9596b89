/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "memory.h"

#define TRIES 100
#define PREFIX_NAME_MAX 200 /* of a name's bytes: the whole must be a name too */

static int open_folder(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void workdir_remove_if_abandoned(int parent, const char *name)
{
	CLEANUP(file_close) int fd = open_folder(parent, name);
	struct diag ignored = {0};

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	file_remove_tree(parent, name, &ignored);
	diag_clear(&ignored);
}

int workdir_is_held(int parent, const char *name)
{
	CLEANUP(file_close) int fd = open_folder(parent, name);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

void workdir_remove_abandoned(int parent, const char *prefix)
{
	int fd = open_folder(parent, ".");
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		file_close(&fd);
		return;
	}
	while ((e = readdir(dir)))
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			workdir_remove_if_abandoned(parent, e->d_name);
	closedir(dir);
}

/* 1 where the descriptor is still what the name leads to: another process may have taken
 * the folder for abandoned between its making and its locking. */
static int is_still_there(const struct workdir *w)
{
	struct stat mine, named;

	return fstat(w->fd, &mine) == 0 &&
	       fstatat(w->parent, w->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

/* Returns 1 where it is made and locked, 0 to try again, -1 with errno. */
static int try_to_make(struct workdir *w, const char *prefix)
{
	unsigned long number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = (unsigned long)getpid();
	free(w->name);
	w->name = memory_printf("%s%08lx", prefix, number & 0xffffffff);
	if (mkdirat(w->parent, w->name, 0777) < 0)
		return errno == EEXIST ? 0 : -1;
	w->fd = open_folder(w->parent, w->name);
	if (w->fd < 0)
		return errno == ENOENT ? 0 : -1;
	/* Who holds the lock takes the folder for abandoned, and is about to remove it. A
	 * filesystem without locks only loses the cleaning up. */
	if (flock(w->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
		if (is_still_there(w))
			return 1;
	}
	file_close(&w->fd);
	return 0;
}

int workdir_make(struct workdir *w, int parent, const char *prefix, struct diag *d)
{
	workdir_remove_abandoned(parent, prefix);
	return workdir_make_only(w, parent, prefix, d);
}

int workdir_make_only(struct workdir *w, int parent, const char *prefix, struct diag *d)
{
	int made = 0;

	*w = (struct workdir){.parent = parent, .fd = -1};
	for (int i = 0; made == 0 && i < TRIES; i++)
		made = try_to_make(w, prefix);
	if (made == 1)
		return 0;
	diag_fail_errno(d, "%s", w->name);
	workdir_close(w);
	return -1;
}

void workdir_drop(struct workdir *w)
{
	struct diag ignored = {0};

	if (w->fd >= 0 && is_still_there(w))
		file_remove_tree(w->parent, w->name, &ignored);
	diag_clear(&ignored);
	workdir_close(w);
}

void workdir_close(struct workdir *w)
{
	file_close(&w->fd);
	free(w->name);
	*w = WORKDIR_NONE;
}

static int holds_already(int dirfd, const char *path, const void *bytes, size_t size)
{
	struct diag ignored = {0};
	size_t old_size = 0;
	char *old = file_read(dirfd, path, size, &old_size, &ignored);
	int same = old && old_size == size && memcmp(old, bytes, size) == 0;

	free(old);
	diag_clear(&ignored);
	return same;
}

/* The folder that holds a path. */
static int open_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? memory_strdup(path) : memory_strdup(".");
	int fd;

	if (slash)
		folder[slash == path ? 1 : slash - path] = '\0';
	fd = openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return fd;
}

static char *prefix_for(const char *path)
{
	const char *slash = strrchr(path, '/');

	return memory_printf(
		".%.*s" WORKDIR_NEW, PREFIX_NAME_MAX, slash ? slash + 1 : path);
}

void workdir_mend_file(int dirfd, const char *path)
{
	CLEANUP(file_close) int parent = open_parent(dirfd, path);
	char *prefix = prefix_for(path);

	if (parent >= 0)
		workdir_remove_abandoned(parent, prefix);
	free(prefix);
}

static int sync_file(int dirfd, const char *name)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -1 : fsync(fd);
}

/* Makes it in the folder and gives it its name in w->parent: its bytes are on the disk
 * before. */
static int make_and_rename(struct workdir *w, const char *name, const void *bytes,
	size_t size, mode_t mode, struct diag *d)
{
	if (file_create(w->fd, name, bytes, size, mode, d) < 0)
		return -1;
	if (sync_file(w->fd, name) < 0 || renameat(w->fd, name, w->parent, name) < 0)
		return diag_fail_errno(d, "%s", name);
	return 0;
}

int workdir_replace_file(int dirfd, const char *path, const void *bytes, size_t size,
	mode_t mode, struct diag *d)
{
	CLEANUP(file_close) int parent = -1;
	CLEANUP(diag_clear) struct diag why = {0};
	const char *slash = strrchr(path, '/');
	struct workdir w;
	char *prefix;
	int rc;

	workdir_mend_file(dirfd, path);
	if (holds_already(dirfd, path, bytes, size))
		return 0;
	parent = open_parent(dirfd, path);
	if (parent < 0)
		return diag_fail_errno(d, "%s", path);
	prefix = prefix_for(path);
	rc = workdir_make(&w, parent, prefix, &why);
	if (rc == 0) {
		rc = make_and_rename(
			&w, slash ? slash + 1 : path, bytes, size, mode, &why);
		workdir_drop(&w);
	}
	if (rc < 0)
		diag_fail(d, "%s: cannot be written: %s", path, why.lines[0].text);
	free(prefix);
	return rc;
}
