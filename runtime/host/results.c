/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "classify.h"
#include "common/file.h"
#include "common/memory.h"
#include "jsontext.h"
#include "runtime/unit.h"

#define RESULT_LIMIT_BYTES (16u << 20)
#define RESULT_FOLDER "result"
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int results_is_id(const char *name)
{
	return strlen(name) == WU_ID_DIGITS &&
	       strspn(name, "0123456789abcdef") == WU_ID_DIGITS;
}

int results_get_work_id(const char *name, char id[WU_ID_DIGITS + 1])
{
	size_t prefix = strlen(RESULTS_WORK_PREFIX);

	if (strncmp(name, RESULTS_WORK_PREFIX, prefix) != 0 ||
		strlen(name) <= prefix + WU_ID_DIGITS)
		return -1;
	memcpy(id, name + prefix, WU_ID_DIGITS);
	id[WU_ID_DIGITS] = '\0';
	return results_is_id(id) && name[prefix + WU_ID_DIGITS] == '-' ? 0 : -1;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(const struct results *r, int (*wanted)(const char *name),
	struct results_names *n, struct diag *d)
{
	int fd = openat(r->fd, ".", FOLDER_FLAGS);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t room = 0;
	struct dirent *e;

	*n = (struct results_names){0};
	if (!dir)
		return diag_fail_errno(d, "%s", r->path);
	while ((e = readdir(dir))) {
		if (!wanted(e->d_name))
			continue;
		if (n->count == room) {
			room = room ? 2 * room : 64;
			n->list = memory_resize(n->list, room * sizeof(*n->list));
		}
		n->list[n->count++] = memory_strdup(e->d_name);
	}
	closedir(dir);
	if (n->count)
		qsort(n->list, n->count, sizeof(*n->list), compare_names);
	return 0;
}

static int is_work(const char *name)
{
	return strncmp(name, RESULTS_WORK_PREFIX, strlen(RESULTS_WORK_PREFIX)) == 0;
}

int results_list(const struct results *r, struct results_names *n, struct diag *d)
{
	return list_names(r, results_is_id, n, d);
}

int results_list_work(const struct results *r, struct results_names *n, struct diag *d)
{
	return list_names(r, is_work, n, d);
}

void results_free_names(struct results_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i]);
	free(n->list);
	*n = (struct results_names){0};
}

/* The claim is seen by other hosts, the folder's own lock perhaps not. */
int results_is_alive(const struct results *r, const char *work)
{
	char id[WU_ID_DIGITS + 1];

	return (results_get_work_id(work, id) == 0 &&
		       journal_is_claimed(&r->journal, id)) ||
	       workdir_is_held(r->fd, work);
}

static void remove_abandoned(const struct results *r)
{
	struct diag ignored = {0};
	struct results_names n;

	if (results_list_work(r, &n, &ignored) == 0)
		for (size_t i = 0; i < n.count; i++)
			if (!results_is_alive(r, n.list[i]))
				workdir_remove_if_abandoned(r->fd, n.list[i]);
	results_free_names(&n);
	diag_clear(&ignored);
}

int results_open(const char *path, struct results *r, struct diag *d)
{
	*r = RESULTS_NONE;
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0)
		return diag_fail_errno(d, "%s", path);
	r->path = memory_strdup(path);
	journal_open(r->fd, 0, &r->journal);
	return 0;
}

static int open_scratch(struct results *r, const char *path, struct diag *d)
{
	if (file_make_folders(path, d) < 0)
		return -1;
	r->scratch = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->scratch < 0)
		return diag_fail_errno(d, "%s", path);
	workdir_remove_abandoned(r->scratch, RESULTS_WORK_PREFIX);
	return 0;
}

int results_open_to_run(
	const char *path, const char *scratch, struct results *r, struct diag *d)
{
	*r = RESULTS_NONE;
	if (file_make_folders(path, d) < 0 || results_open(path, r, d) < 0)
		return -1;
	journal_close(&r->journal);
	journal_open(r->fd, 1, &r->journal);
	remove_abandoned(r);
	return scratch ? open_scratch(r, scratch, d) : 0;
}

int results_leave_manifest(const struct results *r, int unit, struct diag *d)
{
	struct diag why = {0};
	size_t size = 0;
	char *bytes = file_read(unit, WU_MANIFEST, MANIFEST_LIMIT_BYTES, &size, &why);
	int rc =
		bytes ? workdir_replace_file(r->fd, RESULTS_UNIT, bytes, size, 0644, &why)
		      : -1;

	if (rc < 0)
		diag_fail(d, "%s/%s", r->path, why.lines[0].text);
	diag_clear(&why);
	free(bytes);
	return rc;
}

void results_close(struct results *r)
{
	journal_close(&r->journal);
	file_close(&r->scratch);
	file_close(&r->fd);
	free(r->path);
	*r = RESULTS_NONE;
}

static int makes_sense(const json_t *result, const char *id)
{
	const char *class = json_string_value(json_object_get(result, "class"));
	const char *its_id = json_string_value(json_object_get(result, "id"));

	return class && classify_is_known(class) && its_id && strcmp(its_id, id) == 0 &&
	       json_is_string(json_object_get(result, "key")) &&
	       json_is_object(json_object_get(result, "host"));
}

static json_t *load(int folder, const char *id)
{
	json_t *result = jsontext_read(folder, RESULTS_FILE, RESULT_LIMIT_BYTES);

	if (result && !makes_sense(result, id)) {
		json_decref(result);
		result = NULL;
	}
	return result;
}

json_t *results_load(const struct results *r, const char *id)
{
	CLEANUP(file_close) int folder = openat(r->fd, id, FOLDER_FLAGS);

	return folder < 0 ? NULL : load(folder, id);
}

/* The folder's entry was not written, or is another folder's. */
static void read_anew(struct results *r, const char *id)
{
	CLEANUP(file_close) int folder = openat(r->fd, id, FOLDER_FLAGS);
	struct stat st;
	json_t *result = folder >= 0 && fstat(folder, &st) == 0 ? load(folder, id) : NULL;

	if (result)
		journal_add(&r->journal, result, (uint64_t)st.st_ino, st.st_mtime);
	else
		journal_forget(&r->journal, id);
	json_decref(result);
}

const struct journal_entry *results_find(struct results *r, const char *id)
{
	const struct journal_entry *e = journal_find(&r->journal, id);
	struct stat st;

	if (fstatat(r->fd, id, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
		journal_forget(&r->journal, id);
		return NULL;
	}
	if (e && e->folder == (uint64_t)st.st_ino)
		return e;
	read_anew(r, id);
	return journal_find(&r->journal, id);
}

static int make_result_folder(const struct workdir *w)
{
	if (mkdirat(w->fd, RESULT_FOLDER, 0777) < 0)
		return -1;
	return openat(w->fd, RESULT_FOLDER, FOLDER_FLAGS);
}

static int make_work_folders(
	const struct results *r, const char *prefix, struct work *w, struct diag *d)
{
	if (r->scratch < 0)
		return workdir_make_only(&w->folder, r->fd, prefix, d);
	if (workdir_make_only(&w->remote, r->fd, prefix, d) < 0)
		return -1;
	return workdir_make_only(&w->folder, r->scratch, prefix, d);
}

int results_begin(const struct results *r, const char *id, struct work *w, struct diag *d)
{
	char *prefix = memory_printf(RESULTS_WORK_PREFIX "%s-", id);
	int rc;

	*w = WORK_NONE;
	rc = make_work_folders(r, prefix, w, d);
	free(prefix);
	if (rc == 0) {
		w->result = make_result_folder(&w->folder);
		if (w->result >= 0)
			return 0;
		diag_fail_errno(d, "%s/%s", r->path, w->folder.name);
	}
	results_abandon(w);
	return -1;
}

int results_live_folder(const struct work *w)
{
	return w->remote.fd >= 0 ? w->remote.fd : w->folder.fd;
}

int results_send(struct work *w, struct diag *d)
{
	CLEANUP(file_close) int to = -1;

	if (w->remote.fd < 0)
		return 0;
	to = make_result_folder(&w->remote);
	if (to < 0)
		return diag_fail_errno(d, "%s", w->remote.name);
	return transfer_start(&w->transfer, w->result, to, d) < 0 ? -1 : 1;
}

/* Where the filesystem cannot exchange two names, the old result goes aside first: it is
 * absent for a moment, never half. */
static int move_in(const struct results *r, const char *id, int from)
{
	if (renameat2(from, RESULT_FOLDER, r->fd, id, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST &&
		renameat2(from, RESULT_FOLDER, r->fd, id, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EEXIST)
		return -1;
	if (renameat(r->fd, id, from, "old") < 0 && errno != ENOENT)
		return -1;
	return renameat(from, RESULT_FOLDER, r->fd, id);
}

/* An entry of an older result goes before that does: at no moment is there one that could
 * be taken for the new result's. */
int results_commit(struct results *r, const char *id, struct work *w,
	const json_t *result, struct diag *d)
{
	int from = results_live_folder(w);
	struct stat st;

	journal_forget(&r->journal, id);
	if (fstatat(from, RESULT_FOLDER, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		move_in(r, id, from) < 0)
		return diag_fail_errno(d, "%s/%s", r->path, id);
	journal_add(&r->journal, result, (uint64_t)st.st_ino, (int64_t)time(NULL));
	results_abandon(w);
	return 0;
}

void results_abandon(struct work *w)
{
	transfer_kill(&w->transfer);
	workdir_drop(&w->folder);
	workdir_drop(&w->remote);
	file_close(&w->result);
}

int results_is_current(const struct journal_entry *e, const struct manifest *m,
	const struct manifest_instance *i, uint64_t time_ms)
{
	char key[DIGEST_HEX];

	if (classify_is_host_side(e->class))
		return 0;
	if (strcmp(e->class, WU_CLASS_TIME_LIMIT) == 0 && e->limit_ms != time_ms)
		return 0;
	manifest_instance_key(m, i, key);
	return strcmp(e->key, key) == 0;
}
