/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classify.h"
#include "common/file.h"
#include "common/memory.h"

#define RESULT_LIMIT_BYTES (4u << 20)

static int lock(int fd, int how)
{
	int rc;

	do
		rc = flock(fd, how);
	while (rc < 0 && errno == EINTR);
	return rc;
}

static int open_folder(int dirfd, const char *name)
{
	return openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A work folder that nobody holds belonged to a run that died. */
static int remove_if_stale(int dirfd, const char *name, struct diag *d)
{
	CLEANUP(file_close) int fd = open_folder(dirfd, name);

	if (fd < 0)
		return 0;
	if (lock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	return file_remove_tree(dirfd, name, d);
}

/* Under the lock of the results folder, so that a work folder which is being made is not
 * taken for a stale one. */
static int remove_stale(const struct results *r, struct diag *d)
{
	int fd = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int rc = 0;

	if (!dir) {
		diag_fail_errno(d, "%s", r->path);
		file_close(&fd);
		return -1;
	}
	if (lock(r->fd, LOCK_EX) < 0)
		rc = diag_fail_errno(d, "%s: lock", r->path);
	while (rc == 0 && (e = readdir(dir)))
		if (strncmp(e->d_name, RESULTS_WORK_PREFIX,
			    strlen(RESULTS_WORK_PREFIX)) == 0)
			rc = remove_if_stale(r->fd, e->d_name, d);
	lock(r->fd, LOCK_UN);
	closedir(dir);
	return rc;
}

int results_open(const char *path, int make, struct results *r, struct diag *d)
{
	*r = (struct results){.fd = -1};
	if (make && file_make_folders(path, d) < 0)
		return -1;
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0)
		return diag_fail_errno(d, "%s", path);
	r->path = memory_strdup(path);
	if (make && remove_stale(r, d) < 0) {
		results_close(r);
		return -1;
	}
	return 0;
}

void results_close(struct results *r)
{
	file_close(&r->fd);
	free(r->path);
	*r = (struct results){.fd = -1};
}

static int makes_sense(const json_t *result, const char *id)
{
	const char *class = json_string_value(json_object_get(result, "class"));
	const char *its_id = json_string_value(json_object_get(result, "id"));

	return class && classify_is_known(class) && its_id && strcmp(its_id, id) == 0 &&
	       json_is_string(json_object_get(result, "key")) &&
	       json_is_object(json_object_get(result, "host"));
}

json_t *results_load(const struct results *r, const char *id)
{
	char *path = memory_printf("%s/" RESULTS_FILE, id);
	struct diag ignored = {0};
	size_t size = 0;
	char *bytes = file_read(r->fd, path, RESULT_LIMIT_BYTES, &size, &ignored);
	json_t *result =
		bytes ? json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (result && !makes_sense(result, id)) {
		json_decref(result);
		result = NULL;
	}
	diag_clear(&ignored);
	free(bytes);
	free(path);
	return result;
}

static int make_work(const struct results *r, struct work *w)
{
	if (mkdirat(r->fd, w->name, 0777) < 0)
		return -1;
	w->fd = open_folder(r->fd, w->name);
	if (w->fd < 0 || lock(w->fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	if (mkdirat(w->fd, "result", 0777) < 0)
		return -1;
	w->result = open_folder(w->fd, "result");
	return w->result < 0 ? -1 : 0;
}

int results_begin(const struct results *r, const char *id, struct work *w, struct diag *d)
{
	int rc;

	*w = WORK_NONE;
	snprintf(w->name, sizeof(w->name), RESULTS_WORK_PREFIX "%s-%ld", id,
		(long)getpid());
	if (lock(r->fd, LOCK_EX) < 0)
		return diag_fail_errno(d, "%s: lock", r->path);
	rc = make_work(r, w);
	if (rc < 0)
		diag_fail_errno(d, "%s/%s", r->path, w->name);
	lock(r->fd, LOCK_UN);
	if (rc < 0)
		results_abandon(r, w);
	return rc;
}

/* Where the filesystem cannot exchange two names, the old result goes aside first: it is
 * absent for a moment, never half. */
static int move_in(const struct results *r, const char *id, struct work *w)
{
	if (renameat2(w->fd, "result", r->fd, id, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST &&
		renameat2(w->fd, "result", r->fd, id, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EEXIST)
		return -1;
	if (renameat(r->fd, id, w->fd, "old") < 0 && errno != ENOENT)
		return -1;
	return renameat(w->fd, "result", r->fd, id);
}

int results_commit(
	const struct results *r, const char *id, struct work *w, struct diag *d)
{
	if (move_in(r, id, w) < 0)
		return diag_fail_errno(d, "%s/%s", r->path, id);
	results_abandon(r, w);
	return 0;
}

void results_abandon(const struct results *r, struct work *w)
{
	struct diag ignored = {0};

	if (w->name[0])
		file_remove_tree(r->fd, w->name, &ignored);
	diag_clear(&ignored);
	file_close(&w->result);
	file_close(&w->fd);
	*w = WORK_NONE;
}
