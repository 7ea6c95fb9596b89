/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classify.h"
#include "common/file.h"
#include "common/memory.h"

#define RESULT_LIMIT_BYTES (16u << 20)

int results_open(const char *path, int make, struct results *r, struct diag *d)
{
	*r = (struct results){.fd = -1};
	if (make && file_make_folders(path, d) < 0)
		return -1;
	r->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0)
		return diag_fail_errno(d, "%s", path);
	r->path = memory_strdup(path);
	if (make)
		workdir_remove_abandoned(r->fd, RESULTS_WORK_PREFIX);
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

int results_begin(const struct results *r, const char *id, struct work *w, struct diag *d)
{
	char *prefix = memory_printf(RESULTS_WORK_PREFIX "%s-", id);
	int rc;

	*w = WORK_NONE;
	rc = workdir_make(&w->folder, r->fd, prefix, d);
	free(prefix);
	if (rc < 0)
		return -1;
	if (mkdirat(w->folder.fd, "result", 0777) == 0)
		w->result = openat(w->folder.fd, "result",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w->result >= 0)
		return 0;
	diag_fail_errno(d, "%s/%s", r->path, w->folder.name);
	results_abandon(w);
	return -1;
}

/* Where the filesystem cannot exchange two names, the old result goes aside first: it is
 * absent for a moment, never half. */
static int move_in(const struct results *r, const char *id, struct work *w)
{
	if (renameat2(w->folder.fd, "result", r->fd, id, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST &&
		renameat2(w->folder.fd, "result", r->fd, id, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS && errno != EEXIST)
		return -1;
	if (renameat(r->fd, id, w->folder.fd, "old") < 0 && errno != ENOENT)
		return -1;
	return renameat(w->folder.fd, "result", r->fd, id);
}

int results_commit(
	const struct results *r, const char *id, struct work *w, struct diag *d)
{
	if (move_in(r, id, w) < 0)
		return diag_fail_errno(d, "%s/%s", r->path, id);
	results_abandon(w);
	return 0;
}

void results_abandon(struct work *w)
{
	workdir_drop(&w->folder);
	file_close(&w->result);
}
