/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "transfer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "common/file.h"
#include "common/memory.h"

/* --- in the child: it ends with 0, or with the errno of what failed --- */

/* A file that has several names. */
struct shared {
	ino_t inode;
	char *path; /* its first one, below the top */
};

struct copy {
	int top; /* of the folder that is written */
	void *shared;
};

static int compare_shared(const void *a, const void *b)
{
	const struct shared *x = a, *y = b;

	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void check(int result)
{
	if (result < 0)
		_exit(errno ? errno : EIO);
}

/* Returns 1 where the file is there already under another name, which it now has too. */
static int link_shared(
	struct copy *c, const struct stat *st, int to, const char *name, const char *path)
{
	struct shared *s, **node;

	if (st->st_nlink < 2)
		return 0;
	s = memory_alloc(sizeof(*s));
	s->inode = st->st_ino;
	node = tsearch(s, &c->shared, compare_shared);
	if (!node)
		memory_stop();
	if (*node != s) {
		free(s);
		check(linkat(c->top, (*node)->path, to, name, 0));
		return 1;
	}
	s->path = memory_strdup(path);
	return 0;
}

static void copy_file(int from, int to, const char *name, const struct stat *st)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};
	int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	check(in);
	check(out);
	check(file_copy(in, out, (uint64_t)st->st_size));
	check(fchmod(out, st->st_mode & 07777));
	check(futimens(out, times));
	check(close(out));
	close(in);
}

static void copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(from, name, target, sizeof(target) - 1);

	check(size < 0 ? -1 : 0);
	target[size] = '\0';
	check(symlinkat(target, to, name));
}

static void copy_all(struct copy *c, int from, int to, const char *above);

static void copy_folder(struct copy *c, int from, int to, const char *name,
	const struct stat *st, const char *path)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int in = openat(from, name, flags), out;

	check(in);
	check(mkdirat(to, name, 0700));
	out = openat(to, name, flags);
	check(out);
	copy_all(c, in, out, path);
	check(fchmod(out, st->st_mode & 07777));
	close(out);
	close(in);
}

static void copy_entry(
	struct copy *c, int from, int to, const char *name, const char *above)
{
	char *path = memory_printf("%s%s%s", above, *above ? "/" : "", name);
	struct stat st;

	check(fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW));
	if (S_ISDIR(st.st_mode))
		copy_folder(c, from, to, name, &st, path);
	else if (S_ISLNK(st.st_mode))
		copy_link(from, to, name);
	else if (!link_shared(c, &st, to, name, path))
		copy_file(from, to, name, &st);
	free(path);
}

/* Extraction has limited the depth. */
static void copy_all(struct copy *c, int from, int to, const char *above)
{
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	check(dir ? 0 : -1);
	while ((errno = 0, e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			copy_entry(c, from, to, e->d_name, above);
	check(errno ? -1 : 0);
	closedir(dir);
}

/* --- in the parent --- */

int transfer_start(struct transfer *t, int from, int to, struct diag *d)
{
	*t = TRANSFER_NONE;
	t->pid = child_fork(&t->pidfd, d);
	if (t->pid == 0) {
		struct copy c = {.top = to};

		copy_all(&c, from, to, "");
		check(syncfs(to));
		_exit(0);
	}
	if (t->pid > 0)
		return 0;
	*t = TRANSFER_NONE;
	return -1;
}

int transfer_reap(struct transfer *t, const char *name, struct diag *d)
{
	int status = child_reap(t->pid);

	file_close(&t->pidfd);
	*t = TRANSFER_NONE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (!WIFEXITED(status))
		return diag_fail(d, "%s: copying the result was ended", name);
	errno = WEXITSTATUS(status);
	return diag_fail_errno(d, "%s: copying the result", name);
}

void transfer_kill(struct transfer *t)
{
	if (t->pid <= 0)
		return;
	kill(t->pid, SIGKILL);
	child_reap(t->pid);
	file_close(&t->pidfd);
	*t = TRANSFER_NONE;
}
