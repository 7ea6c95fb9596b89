/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "runtime/unit.h"

#define ASIDE ".old"

static int open_folder(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A second descriptor for reading the entries, so that the first keeps its offset. */
static DIR *read_folder(int fd)
{
	int copy = open_folder(fd, ".");
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir)
		file_close(&copy);
	return dir;
}

static char *prefix_of(const struct site *s)
{
	return memory_printf(".%s.wuc-", s->name);
}

static int is_ours(const char *name)
{
	static const char *const names[] = {".", "..", WU_MANIFEST, WU_APP_IMAGE,
		WU_APP_LISTING, WU_OUTPUT_IMAGE, WU_DISK_IMAGE, WU_RUN_SCRIPT,
		WU_PARAMS_FOLDER, WU_BASE_FOLDER};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return 1;
	return 0;
}

/* What the user put into the old folder is not ours to delete. */
static int carry_over(const struct site *s, int from, int to, struct diag *d)
{
	DIR *dir = read_folder(from);
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return diag_fail_errno(d, "%s", s->path);
	while (rc == 0 && (errno = 0, e = readdir(dir))) {
		if (is_ours(e->d_name))
			continue;
		rc = renameat2(from, e->d_name, to, e->d_name, RENAME_NOREPLACE);
		if (rc < 0 && errno == EINVAL) /* not every filesystem has the flag */
			rc = renameat(from, e->d_name, to, e->d_name);
		if (rc < 0)
			diag_fail_errno(d,
				"%s: %s cannot be moved from the old folder to the new",
				s->path, e->d_name);
	}
	if (rc == 0 && errno)
		rc = diag_fail_errno(d, "%s", s->path);
	closedir(dir);
	return rc;
}

/* 1 where a build died while the old unit stepped aside, and this is that unit. A folder
 * that was never in the unit's place may lack what its manifest says. */
static int stepped_aside(const struct site *s, const char *name)
{
	size_t size = strlen(name), ending = strlen(ASIDE);
	struct stat st;

	return size > ending && strcmp(name + size - ending, ASIDE) == 0 &&
	       fstatat(s->parent, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT;
}

static int mend_one(const struct site *s, const char *name, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(s->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(file_close) int folder = -1;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	if (stepped_aside(s, name))
		return renameat(s->parent, name, s->parent, s->name) < 0
			       ? diag_fail_errno(d, "%s", s->path)
			       : 0;
	folder = open_folder(s->parent, s->name);
	return folder < 0 ? 0 : carry_over(s, fd, folder, d);
}

/* Folders of builds that died go; what is the user's in them goes back before. */
static int mend(const struct site *s, struct diag *d)
{
	DIR *dir = read_folder(s->parent);
	char *prefix = prefix_of(s);
	struct dirent *e;
	int rc = 0;

	while (rc == 0 && dir && (e = readdir(dir)))
		if (strncmp(e->d_name, prefix, strlen(prefix)) == 0)
			rc = mend_one(s, e->d_name, d);
	if (dir)
		closedir(dir);
	if (rc == 0)
		workdir_remove_abandoned(s->parent, prefix);
	free(prefix);
	return rc;
}

/* Takes the lock of the folder that has the name, even where another build has just put a
 * new one in its place. */
static int open_locked(struct site *s, int dry_run, struct diag *d)
{
	struct stat mine, named;

	for (;;) {
		s->folder = s->parent < 0 ? -1 : open_folder(s->parent, s->name);
		if (s->folder < 0 && s->parent >= 0 && errno != ENOENT)
			return diag_fail_errno(d, "%s", s->path);
		/* A filesystem without locks only loses the waiting. */
		if (s->folder < 0 || dry_run ||
			(flock(s->folder, LOCK_EX) < 0 && errno != EINTR))
			return 0;
		if (fstat(s->folder, &mine) == 0 &&
			fstatat(s->parent, s->name, &named, 0) == 0 &&
			mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
			return 0;
		file_close(&s->folder);
	}
}

int site_open(
	struct site *s, const char *path, int dry_run, struct arena *a, struct diag *d)
{
	size_t length = strlen(path);
	char real[PATH_MAX];
	const char *parent = ".";
	char *full, *slash;

	*s = SITE_NONE;
	while (length > 1 && path[length - 1] == '/')
		length--;
	s->path = arena_memdup(a, path, length);
	/* What is there may be a link, or named by dots: the folder itself is exchanged.
	 */
	full = arena_strdup(a, realpath(s->path, real) ? real : s->path);
	slash = strrchr(full, '/');
	s->name = slash ? slash + 1 : full;
	if (slash) {
		parent = slash == full ? "/" : full;
		*slash = '\0';
	}
	if (!*s->name)
		return diag_fail(d, "%s: expected a folder for the unit", s->path);
	if (!dry_run && file_make_folders(parent, d) < 0)
		return -1;
	s->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->parent < 0 && !(dry_run && errno == ENOENT))
		return diag_fail_errno(d, "%s", parent);
	if (!dry_run && mend(s, d) < 0)
		return -1;
	return open_locked(s, dry_run, d);
}

void site_close(struct site *s)
{
	file_close(&s->folder);
	file_close(&s->parent);
}

int site_is_empty(const struct site *s)
{
	DIR *dir = read_folder(s->folder);
	int entries = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries <= 2;
}

int site_make(const struct site *s, struct workdir *w, struct diag *d)
{
	char *prefix = prefix_of(s);
	struct diag why = {0};
	int rc = workdir_make(w, s->parent, prefix, &why);

	if (rc < 0)
		diag_fail(d, "%s: cannot be made: %s", s->path, why.lines[0].text);
	diag_clear(&why);
	free(prefix);
	return rc;
}

/* Some filesystems cannot exchange two names: then the old unit steps aside first. A host
 * that dies between the two renames leaves it whole, under a hidden name; mend() knows.
 */
static int step_aside(const struct site *s, struct workdir *w)
{
	char *aside = memory_printf("%s" ASIDE, w->name);
	int rc = renameat(s->parent, s->name, s->parent, aside);

	if (rc == 0 && renameat(w->parent, w->name, s->parent, s->name) < 0) {
		(void)!renameat(s->parent, aside, s->parent, s->name);
		rc = -1;
	} else if (rc == 0) {
		rc = renameat(s->parent, aside, w->parent, w->name);
	}
	free(aside);
	return rc;
}

/* Whatever it was that stood in the unit's place: its files are the user's. */
static int remove_old(const struct site *s, const struct workdir *w, struct diag *d)
{
	CLEANUP(file_close) int old = open_folder(w->parent, w->name);
	CLEANUP(diag_clear) struct diag why = {0};

	if (old < 0)
		return diag_fail_errno(d, "%s", s->path);
	if (carry_over(s, old, w->fd, d) < 0)
		return -1;
	if (file_remove_tree(w->parent, w->name, &why) < 0)
		return diag_fail(d, "%s: built, but the old one cannot be removed: %s",
			s->path, why.lines[0].text);
	return 0;
}

int site_publish(const struct site *s, struct workdir *w, struct diag *d)
{
	int rc = renameat2(w->parent, w->name, s->parent, s->name,
		s->folder < 0 ? RENAME_NOREPLACE : RENAME_EXCHANGE);

	if (rc < 0 && errno == EINVAL)
		rc = s->folder < 0 ? renameat(w->parent, w->name, s->parent, s->name)
				   : step_aside(s, w);
	/* The new one is safe in its place before anything of the old one goes. */
	if (rc < 0 || fsync(s->parent) < 0)
		return diag_fail_errno(d, "%s", s->path);
	return s->folder < 0 ? 0 : remove_old(s, w, d);
}
