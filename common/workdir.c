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

static int open_folder(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void remove_if_abandoned(int parent, const char *name)
{
	CLEANUP(file_close) int fd = open_folder(parent, name);
	struct diag ignored = {0};

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	file_remove_tree(parent, name, &ignored);
	diag_clear(&ignored);
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
			remove_if_abandoned(parent, e->d_name);
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
	int made = 0;

	*w = (struct workdir){.parent = parent, .fd = -1};
	workdir_remove_abandoned(parent, prefix);
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
