/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

static int open_folder(int dirfd, const char *path)
{
	return openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* A folder whose lock is free belongs to a process that is gone. */
static void remove_if_abandoned(int tmp, const char *name)
{
	CLEANUP(file_close) int fd = open_folder(tmp, name);
	struct diag ignored = {0};

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	file_remove_tree(tmp, name, &ignored);
	diag_clear(&ignored);
}

/* Takes ownership of tmp. The lock on tmp/ itself keeps a folder that another process has
 * made but not yet locked from looking abandoned. */
static void remove_abandoned(int tmp)
{
	DIR *dir;
	struct dirent *e;

	if (flock(tmp, LOCK_EX) < 0 || !(dir = fdopendir(tmp))) {
		close(tmp);
		return;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] != '.')
			remove_if_abandoned(tmp, e->d_name);
	}
	closedir(dir);
}

static int make_layout(struct store *s, struct diag *d)
{
	static const char *const folders[] = {"bases", "packages", "keys", "tmp"};

	if (file_make_folders(s->path, d) < 0)
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return diag_fail_errno(d, "%s", s->path);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		if (mkdirat(s->fd, folders[i], 0777) < 0 && errno != EEXIST)
			return diag_fail_errno(d, "%s/%s", s->path, folders[i]);
	}
	return 0;
}

int store_open(struct store *s, struct diag *d)
{
	int tmp;

	*s = (struct store){.path = file_cache_folder(d), .fd = -1, .lock = -1};
	if (!s->path || make_layout(s, d) < 0) {
		store_close(s);
		return -1;
	}
	tmp = open_folder(s->fd, "tmp");
	if (tmp < 0) {
		diag_fail_errno(d, "%s/tmp", s->path);
		store_close(s);
		return -1;
	}
	remove_abandoned(tmp);
	return 0;
}

void store_close(struct store *s)
{
	file_close(&s->lock);
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

static int make_locked_folder(struct store *s, struct store_folder *f, struct diag *d)
{
	CLEANUP(file_close) int tmp = open_folder(s->fd, "tmp");
	char *path = memory_printf("%s/tmp/%ld.XXXXXX", s->path, (long)getpid());
	int rc = 0;

	if (tmp >= 0)
		flock(tmp, LOCK_EX);
	if (!mkdtemp(path)) {
		rc = diag_fail_errno(d, "%s", path);
	} else {
		f->name = memory_strdup(path + strlen(s->path) + 1);
		f->fd = open_folder(s->fd, f->name);
		if (f->fd < 0)
			rc = diag_fail_errno(d, "%s", path);
		else
			flock(f->fd, LOCK_EX);
	}
	free(path);
	return rc;
}

int store_make_folder(struct store *s, struct store_folder *f, struct diag *d)
{
	*f = (struct store_folder){.fd = -1};
	if (make_locked_folder(s, f, d) == 0)
		return 0;
	store_drop_folder(s, f);
	return -1;
}

void store_drop_folder(struct store *s, struct store_folder *f)
{
	struct diag ignored = {0};

	if (f->name)
		file_remove_tree(s->fd, f->name, &ignored);
	file_close(&f->fd);
	free(f->name);
	f->name = NULL;
	diag_clear(&ignored);
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

int store_keep_file(struct store *s, struct store_folder *f, const char *name,
	const char *place, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fchmod(fd, 0444) < 0 || fsync(fd) < 0 ||
		renameat(f->fd, name, s->fd, place) < 0 || sync_folder_of(s, place) < 0)
		return diag_fail_errno(d, "%s/%s", s->path, place);
	return 0;
}

int store_keep_folder(
	struct store *s, struct store_folder *f, const char *place, struct diag *d)
{
	if (fchmod(f->fd, 0755) < 0 || fsync(f->fd) < 0)
		return diag_fail_errno(d, "%s/%s", s->path, f->name);
	if (renameat(s->fd, f->name, s->fd, place) < 0) {
		if (errno != EEXIST && errno != ENOTEMPTY)
			return diag_fail_errno(d, "%s/%s", s->path, place);
		return file_remove_tree(s->fd, f->name, d);
	}
	if (sync_folder_of(s, place) < 0)
		return diag_fail_errno(d, "%s/%s", s->path, place);
	return 0;
}

int store_remove(struct store *s, const char *place, struct diag *d)
{
	struct store_folder f;
	char *aside;
	int rc = 0;

	if (store_make_folder(s, &f, d) < 0)
		return -1;
	/* First out of sight, then away: nobody finds it half removed. */
	aside = memory_printf("%s/broken", f.name);
	if (renameat(s->fd, place, s->fd, aside) < 0 && errno != ENOENT)
		rc = diag_fail_errno(d, "%s/%s", s->path, place);
	free(aside);
	store_drop_folder(s, &f);
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
	struct store_folder f;
	char *path = key_path(key), *line = memory_printf("%s\n", digest);
	int rc;

	rc = store_make_folder(s, &f, d);
	if (rc == 0) {
		rc = file_create(f.fd, "key", line, strlen(line), 0444, d);
		if (rc == 0)
			rc = store_keep_file(s, &f, "key", path, d);
		store_drop_folder(s, &f);
	}
	free(path);
	free(line);
	return rc;
}
