/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dropped.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "folder.h"
#include "processes.h"
#include "say.h"
#include "text.h"

#define LOOK_MS 1000
#define STILL_MS 1000 /* what has not changed for so long has been written */

/* Of the one it runs as, or root's, and nobody else's to change. */
static int is_ours(const struct dropped *d, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_mode & 0111 && !(st->st_mode & 022) &&
	       (st->st_uid == 0 || st->st_uid == d->user->id);
}

static int is_same(const struct dropped_file *f, const struct stat *st)
{
	return f->inode == st->st_ino && f->size == (uint64_t)st->st_size &&
	       f->seconds == st->st_mtim.tv_sec && f->nanoseconds == st->st_mtim.tv_nsec;
}

/* What is remembered of it; NULL where nothing more can be. */
static struct dropped_file *find(
	struct dropped *d, const struct stat *st, uint64_t now_ms)
{
	for (size_t i = 0; i < d->count; i++)
		if (is_same(&d->files[i], st))
			return &d->files[i];
	if (d->count == DROPPED_FILES) {
		if (!d->is_full)
			say(d->folder, "too many files", NULL);
		d->is_full = 1;
		return NULL;
	}
	d->files[d->count] = (struct dropped_file){
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.seconds = st->st_mtim.tv_sec,
		.nanoseconds = st->st_mtim.tv_nsec,
		.seen_ms = now_ms,
	};
	return &d->files[d->count++];
}

/* As long as the lease lasts (fcntl(2)) nobody has it open for writing, so that what is
 * launched is what was seen. Returns a descriptor that holds it, or -1. Where the
 * filesystem knows none, only the launch itself tells of a writer. */
static int hold_still(const struct dropped_file *f, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -1;
	/* Of a writer that waits for its end it tells by a signal that ends nobody. */
	if (fcntl(fd, F_SETSIG, SIGURG) == 0 &&
		(fcntl(fd, F_SETLEASE, F_RDLCK) == 0 || errno != EAGAIN) &&
		fstat(fd, &st) == 0 && is_same(f, &st))
		return fd;
	close(fd);
	return -1;
}

/* One that somebody has open for writing is left for the next time. */
static int launch(struct dropped *d, struct dropped_file *f, const char *name)
{
	char bytes[4096];
	struct text path = TEXT_IN(bytes);
	struct launch l = {
		.path = bytes,
		.environment = d->environment,
		.folder = "/",
		.user = d->user,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
	};
	int error = 0;

	text_add(&path, d->folder);
	text_add(&path, "/");
	text_add(&path, name);
	if (launch_script(&l, &error) < 0)
		error = errno;
	if (error == ETXTBSY || error == EAGAIN || error == ENOMEM)
		return 0;
	f->is_launched = 1;
	say(bytes, error ? "cannot be launched" : "launched",
		error ? strerror(error) : NULL);
	return !error;
}

static int consider(struct dropped *d, int folder, const char *name, uint64_t now_ms)
{
	struct dropped_file *f;
	struct stat st;
	int fd, count;

	if (*name == '.' || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!is_ours(d, &st))
		return 0;
	f = find(d, &st, now_ms);
	if (!f)
		return 0;
	f->is_there = 1;
	if (f->is_launched || now_ms - f->seen_ms < STILL_MS)
		return 0;
	fd = hold_still(f, folder, name);
	if (fd < 0)
		return 0;
	count = launch(d, f, name);
	close(fd);
	return count;
}

static void forget_gone(struct dropped *d)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->count; i++)
		if (d->files[i].is_there)
			d->files[kept++] = d->files[i];
	d->count = kept;
}

int dropped_look(struct dropped *d, uint64_t now_ms)
{
	char name[FOLDER_NAME] = "";
	int folder = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = 0, found = -1;

	for (size_t i = 0; i < d->count; i++)
		d->files[i].is_there = 0;
	while (folder >= 0 && (found = folder_next(folder, name, name)) > 0)
		count += consider(d, folder, name, now_ms);
	if (folder >= 0)
		close(folder);
	/* What could not be looked for is not gone: it was launched. */
	if (found == 0)
		forget_gone(d);
	return count;
}

static void poll_folder(struct dropped *d) __attribute__((noreturn));
static void poll_folder(struct dropped *d)
{
	for (;;) {
		dropped_look(d, clock_now_ms());
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		clock_sleep_ms(LOOK_MS);
	}
}

pid_t dropped_start(const char *folder, const struct user *user, struct parameters *p)
{
	static char *const none[] = {NULL};
	char bytes[128];
	struct text problem = TEXT_IN(bytes);
	struct dropped d = {.folder = folder, .user = user};
	pid_t pid = processes_split();

	if (pid < 0)
		say(folder, "cannot be polled", strerror(errno));
	if (pid != 0)
		return pid < 0 ? 0 : pid;
	p->file[0] = '\0';
	parameters_parse(p, none, 0, &problem);
	d.environment = p->environment;
	poll_folder(&d);
}
