/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "debian_host.h"

#define TOUCH_SECONDS 3600 /* more often tells nobody more */

static int open_folder(int dirfd, const char *path)
{
	return openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* One line: the store's path, why it cannot be written, what to do. Takes why's lines. */
static int fail_to_write(const struct store *s, struct diag *why, struct diag *d)
{
	diag_fail(d,
		"%s: the store cannot be written: %s; make it writable, or choose "
		"another with XDG_CACHE_HOME",
		s->path, why->lines[0].text);
	diag_clear(why);
	return -1;
}

static int make_layout(struct store *s, struct diag *d)
{
	static const char *const folders[] = {
		"bases", "packages", "layers", "keys", "tmp"};

	if (file_make_folders(s->path, d) < 0)
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return diag_fail_errno(d, "%s", s->path);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		if (mkdirat(s->fd, folders[i], 0777) < 0 && errno != EEXIST)
			return diag_fail_errno(d, "%s/%s", s->path, folders[i]);
	}
	s->tmp = open_folder(s->fd, "tmp");
	if (s->tmp < 0)
		return diag_fail_errno(d, "%s/tmp", s->path);
	return 0;
}

int store_open(struct store *s, struct diag *d)
{
	struct diag why = {0};

	*s = (struct store){
		.path = file_cache_folder(d), .fd = -1, .tmp = -1, .lock = -1};
	if (!s->path)
		return -1;
	if (make_layout(s, &why) < 0) {
		fail_to_write(s, &why, d);
		store_close(s);
		return -1;
	}
	workdir_remove_abandoned(s->tmp, STORE_PREFIX);
	return 0;
}

void store_close(struct store *s)
{
	sweeper_stop(&s->sweeper);
	file_close(&s->lock);
	file_close(&s->tmp);
	file_close(&s->fd);
	free(s->path);
	s->path = NULL;
}

int store_lock(struct store *s, int wait)
{
	if (s->lock < 0)
		s->lock = open_folder(s->fd, "packages");
	if (s->lock < 0)
		return 0;
	while (flock(s->lock, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return 1;
		if (errno != EINTR)
			return 0;
	}
	return 0;
}

static void sweep(int tmp)
{
	debian_remove_abandoned(tmp, STORE_PREFIX);
}

int store_make_folder(struct store *s, struct workdir *w, struct diag *d)
{
	struct diag why = {0};

	if (!s->sweeper.pid)
		sweeper_start(&s->sweeper, s->tmp, sweep);
	if (workdir_make(w, s->tmp, STORE_PREFIX, &why) < 0)
		return fail_to_write(s, &why, d);
	return 0;
}

/* A rename is there after a crash only when the folder that holds it was synced. */
static int sync_folder_of(struct store *s, const char *place)
{
	const char *slash = strrchr(place, '/');
	char *folder = slash ? strndup(place, (size_t)(slash - place)) : NULL;
	CLEANUP(file_close) int fd = folder ? open_folder(s->fd, folder) : -1;

	free(folder);
	return fd < 0 ? -1 : fsync(fd);
}

int store_keep_file(struct store *s, struct workdir *w, const char *name,
	const char *place, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(w->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fchmod(fd, 0444) < 0 || futimens(fd, NULL) < 0 || fsync(fd) < 0 ||
		renameat(w->fd, name, s->fd, place) < 0 || sync_folder_of(s, place) < 0)
		return diag_fail_errno(d, "%s/%s", s->path, place);
	return 0;
}

int store_keep_folder(
	struct store *s, struct workdir *w, const char *place, struct diag *d)
{
	if (fchmod(w->fd, 0755) < 0 || fsync(w->fd) < 0)
		return diag_fail_errno(d, "%s/tmp/%s", s->path, w->name);
	if (renameat(s->tmp, w->name, s->fd, place) < 0) {
		if (errno != EEXIST && errno != ENOTEMPTY)
			return diag_fail_errno(d, "%s/%s", s->path, place);
		return file_remove_tree(s->tmp, w->name, d);
	}
	if (sync_folder_of(s, place) < 0)
		return diag_fail_errno(d, "%s/%s", s->path, place);
	return 0;
}

int store_remove(struct store *s, const char *place, struct diag *d)
{
	struct workdir w;
	int rc = 0;

	if (store_make_folder(s, &w, d) < 0)
		return -1;
	/* First out of sight, then away: nobody finds it half removed. */
	if (renameat(s->fd, place, w.fd, "broken") < 0 && errno != ENOENT)
		rc = diag_fail_errno(d, "%s/%s", s->path, place);
	workdir_drop(&w);
	return rc;
}

static char *key_path(const char *key)
{
	return memory_printf("keys/%s", key);
}

int store_find_key(struct store *s, const char *key, char digest[DIGEST_HEX])
{
	struct diag ignored = {0};
	char *path = key_path(key);
	size_t size = 0;
	char *text = file_read(s->fd, path, DIGEST_HEX, &size, &ignored);
	int found = 0;

	if (text && size == DIGEST_HEX && text[size - 1] == '\n') {
		text[size - 1] = '\0';
		found = digest_is_hex(text);
	}
	if (found)
		memcpy(digest, text, DIGEST_HEX);
	free(text);
	free(path);
	diag_clear(&ignored);
	return found;
}

int store_set_key(
	struct store *s, const char *key, const char digest[DIGEST_HEX], struct diag *d)
{
	struct workdir w;
	char *path = key_path(key), *line = memory_printf("%s\n", digest);
	int rc;

	rc = store_make_folder(s, &w, d);
	if (rc == 0) {
		rc = file_create(w.fd, "key", line, strlen(line), 0444, d);
		if (rc == 0)
			rc = store_keep_file(s, &w, "key", path, d);
		workdir_drop(&w);
	}
	free(path);
	free(line);
	return rc;
}

void store_touch(struct store *s, const char *place)
{
	struct stat st;

	if (fstatat(s->fd, place, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtime + TOUCH_SECONDS < time(NULL))
		utimensat(s->fd, place, NULL, AT_SYMLINK_NOFOLLOW);
}
