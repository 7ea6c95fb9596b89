/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "get_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

/* Up to this size a name from the start: one given later takes ext4 40 % more time of the
 * processor for each of many small files, and of these little is ever half done. */
#define SMALL_BYTES (1024 * 1024)

int get_out_may_be_nameless(void)
{
	/* By which they get their names, without any right beyond the user's. */
	return access("/proc/self/fd", X_OK) == 0;
}

/* What is there is told before anything is copied, as open(2) would. */
static int check_free(int folder, const char *name)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	return errno == ENOENT ? 0 : -1;
}

/* 0, 1 where the host knows no such file, or -1. */
static int open_nameless(struct get_out *o, mode_t mode)
{
	if (check_free(o->folder, o->name) < 0)
		return -1;
	o->fd = openat(o->folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
	if (o->fd >= 0)
		return 0;
	return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? 1 : -1;
}

/* Only SIGKILL comes through. */
static void defer_signals(struct get_out *o)
{
	sigset_t all;

	sigfillset(&all);
	o->defers = pthread_sigmask(SIG_BLOCK, &all, &o->before) == 0;
}

int get_out_open(struct get_out *o, int folder, const char *name, mode_t mode,
	uint64_t size, int *nameless)
{
	*o = (struct get_out){.fd = -1, .folder = folder, .name = name, .stays = 1};
	if (*nameless && size > SMALL_BYTES) {
		int rc = open_nameless(o, mode);

		if (rc <= 0)
			return rc;
		*nameless = 0;
	}
	if (size <= SMALL_BYTES)
		defer_signals(o);
	o->fd = openat(
		folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (o->fd < 0) {
		get_out_close(o);
		return -1;
	}
	o->stays = 0;
	return 0;
}

int get_out_keep(struct get_out *o)
{
	char self[32];

	if (!o->stays) {
		o->stays = 1;
		return 0;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", o->fd);
	return linkat(AT_FDCWD, self, o->folder, o->name, AT_SYMLINK_FOLLOW);
}

int get_out_close(struct get_out *o)
{
	int rc = o->stays ? 0 : unlinkat(o->folder, o->name, 0);
	int error = errno;

	file_close(&o->fd);
	if (o->defers)
		pthread_sigmask(SIG_SETMASK, &o->before, NULL);
	errno = error;
	return rc;
}
