/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/file.h"
#include "common/workdir.h"
#include "jsontext.h"

#define FORMAT "workunit-snapshot"
#define VERSION 1
#define DESCRIPTION "snapshot.json"
#define DESCRIPTION_LIMIT_BYTES 4096
#define NEW_PREFIX ".new-"
#define BLOCK 4096
#define CHUNK (64 * BLOCK)
#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const char *const names[SNAPSHOT_PARTS] = {
	[SNAPSHOT_MEMORY] = "memory",
	[SNAPSHOT_STATE] = "state",
	[SNAPSHOT_OUTPUT] = "output.img",
};

int snapshot_open_store(struct diag *d)
{
	char *cache = file_cache_folder(d), *path;
	int fd = -1;

	if (!cache)
		return -1;
	path = memory_printf("%s/warm", cache);
	if (file_make_folders(path, d) == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			diag_fail_errno(d, "%s", path);
	}
	free(path);
	free(cache);
	return fd;
}

static int make_part(struct snapshot *s, enum snapshot_part p, uint64_t size)
{
	s->sizes[p] = size;
	s->parts[p] = memfd_create(names[p], MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return s->parts[p] < 0 ? -1 : ftruncate(s->parts[p], (off_t)size);
}

int snapshot_make(
	struct snapshot *s, uint64_t memory_bytes, uint64_t output_bytes, struct diag *d)
{
	*s = SNAPSHOT_NONE;
	if (make_part(s, SNAPSHOT_MEMORY, memory_bytes) == 0 &&
		make_part(s, SNAPSHOT_STATE, 0) == 0 &&
		make_part(s, SNAPSHOT_OUTPUT, output_bytes) == 0)
		return 0;
	diag_fail_errno(d, "snapshot");
	snapshot_clear(s);
	return -1;
}

int snapshot_seal(struct snapshot *s, struct diag *d)
{
	struct stat st;

	for (int p = 0; p < SNAPSHOT_PARTS; p++) {
		if (fstat(s->parts[p], &st) < 0 ||
			fcntl(s->parts[p], F_ADD_SEALS, SEALS) < 0)
			return diag_fail_errno(d, "snapshot: %s", names[p]);
		s->sizes[p] = (uint64_t)st.st_size;
	}
	return 0;
}

void snapshot_clear(struct snapshot *s)
{
	for (int p = 0; p < SNAPSHOT_PARTS; p++)
		file_close(&s->parts[p]);
	*s = SNAPSHOT_NONE;
}

/* --- copies: what is zero becomes a hole, and the digest is of all else --- */

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

static int copy_block(
	int to, const unsigned char *bytes, size_t size, uint64_t at, struct digest *g)
{
	if (memory_is_zero(bytes, size))
		return 0;
	digest_add(g, &at, sizeof(at));
	digest_add(g, bytes, size);
	return file_write_at(to, bytes, size, (off_t)at);
}

static int copy_range(int from, int to, uint64_t at, uint64_t end, struct digest *g)
{
	unsigned char *bytes = memory_alloc(CHUNK);
	int rc = 0;

	while (rc == 0 && at < end) {
		size_t size = least(end - at, CHUNK);
		ssize_t n = pread(from, bytes, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)size) {
			errno = n < 0 ? errno : EIO;
			rc = -1;
		}
		for (size_t i = 0; rc == 0 && i < size; i += BLOCK)
			rc = copy_block(to, bytes + i, least(size - i, BLOCK), at + i, g);
		at += size;
	}
	free(bytes);
	return rc;
}

/* Returns 0, or -1 with errno. */
static int copy_part(int from, int to, uint64_t size, char hex[DIGEST_HEX])
{
	struct digest *g = digest_new();
	uint64_t at = 0;
	int rc = ftruncate(to, (off_t)size);

	digest_add(g, &size, sizeof(size));
	while (rc == 0 && at < size) {
		off_t data = lseek(from, (off_t)at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break;
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0) {
			rc = -1;
			break;
		}
		/* Blocks are whole ones of the file, wherever its data begin. */
		at = (uint64_t)data / BLOCK * BLOCK;
		rc = copy_range(from, to, at, least((uint64_t)hole, size), g);
		at = (uint64_t)hole;
	}
	digest_finish(g, hex);
	return rc;
}

/* --- the store --- */

int snapshot_is_there(int store, const char *key)
{
	return faccessat(store, key, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int snapshot_lock(int store, const char *key)
{
	char *name = memory_printf("%s.lock", key);
	int fd = openat(store, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	free(name);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		file_close(&fd);
	return fd;
}

static int store_part(const struct snapshot *s, enum snapshot_part p, int folder,
	json_t *parts, struct diag *d)
{
	CLEANUP(file_close)
	int to = openat(folder, names[p], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char hex[DIGEST_HEX];

	if (to < 0 || copy_part(s->parts[p], to, s->sizes[p], hex) < 0)
		return diag_fail_errno(d, "snapshot: %s", names[p]);
	json_object_set_new(parts, names[p],
		json_pack("{s:I, s:s}", "size", (json_int_t)s->sizes[p], "sha256", hex));
	return 0;
}

static int fill_folder(
	const struct snapshot *s, int folder, const char *key, struct diag *d)
{
	json_t *parts = json_object();
	json_t *json = json_pack("{s:s, s:i, s:s, s:o}", "format", FORMAT, "version",
		VERSION, "key", key, "parts", parts);
	char *text;
	int rc = 0;

	for (int p = 0; rc == 0 && p < SNAPSHOT_PARTS; p++)
		rc = store_part(s, p, folder, parts, d);
	text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(json);
	if (rc == 0)
		rc = file_create(folder, DESCRIPTION, text, strlen(text), 0600, d);
	free(text);
	return rc;
}

struct kept {
	char *name;
	struct timespec used;
	uint64_t bytes;
};

static int compare_use(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
	return x->used.tv_nsec == y->used.tv_nsec  ? 0
	       : x->used.tv_nsec < y->used.tv_nsec ? 1
						   : -1;
}

static uint64_t measure(int store, const char *key)
{
	uint64_t bytes = 0;
	struct stat st;

	for (int p = 0; p < SNAPSHOT_PARTS; p++) {
		char *path = memory_printf("%s/%s", key, names[p]);

		if (fstatat(store, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
		free(path);
	}
	return bytes;
}

/* A snapshot's time is that of its last use. */
static size_t list_kept(int store, struct kept **list)
{
	int fd = openat(store, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	size_t count = 0;

	*list = NULL;
	while (dir && (e = readdir(dir))) {
		if (!digest_is_hex(e->d_name) ||
			fstatat(store, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*list = memory_resize(*list, (count + 1) * sizeof(**list));
		(*list)[count++] = (struct kept){
			memory_strdup(e->d_name), st.st_mtim, measure(store, e->d_name)};
	}
	if (dir)
		closedir(dir);
	else
		file_close(&fd);
	return count;
}

static void remove_snapshot(int store, const char *key)
{
	struct diag ignored = {0};
	char *lock = memory_printf("%s.lock", key);

	file_remove_tree(store, key, &ignored);
	unlinkat(store, lock, 0);
	diag_clear(&ignored);
	free(lock);
}

static void remove_unused(int store)
{
	struct kept *list;
	size_t count = list_kept(store, &list);
	uint64_t bytes = 0;

	if (count)
		qsort(list, count, sizeof(*list), compare_use);
	for (size_t i = 0; i < count; i++) {
		bytes += list[i].bytes;
		if (i > 0 && (i >= SNAPSHOT_KEPT || bytes > SNAPSHOT_KEPT_BYTES))
			remove_snapshot(store, list[i].name);
		free(list[i].name);
	}
	free(list);
}

/* What is not on the disk after a crash, the digests tell. */
int snapshot_store(const struct snapshot *s, int store, const char *key, struct diag *d)
{
	struct workdir w = WORKDIR_NONE;
	int rc = -1;

	if (workdir_make(&w, store, NEW_PREFIX, d) < 0)
		return -1;
	if (fchmod(w.fd, 0700) < 0)
		diag_fail_errno(d, "snapshot");
	else
		rc = fill_folder(s, w.fd, key, d);
	if (rc == 0 && renameat(store, w.name, store, key) < 0 && errno != ENOTEMPTY &&
		errno != EEXIST)
		rc = diag_fail_errno(d, "snapshot");
	workdir_drop(&w);
	remove_unused(store);
	return rc;
}

static int load_part(
	struct snapshot *s, enum snapshot_part p, int folder, const json_t *part)
{
	CLEANUP(file_close)
	int from = openat(folder, names[p], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const json_t *size = json_object_get(part, "size");
	const char *wanted = json_string_value(json_object_get(part, "sha256"));
	char hex[DIGEST_HEX];
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode) || !wanted ||
		!json_is_integer(size) || json_integer_value(size) != st.st_size)
		return -1;
	if (make_part(s, p, (uint64_t)st.st_size) < 0 ||
		copy_part(from, s->parts[p], s->sizes[p], hex) < 0)
		return -1;
	return strcmp(hex, wanted) == 0 ? 0 : -1;
}

static json_t *read_description(int folder, const char *key)
{
	json_t *json = jsontext_read(folder, DESCRIPTION, DESCRIPTION_LIMIT_BYTES);
	const char *its_key = json_string_value(json_object_get(json, "key"));
	const char *format = json_string_value(json_object_get(json, "format"));

	if (json && (!its_key || strcmp(its_key, key) != 0 || !format ||
			    strcmp(format, FORMAT) != 0 ||
			    json_integer_value(json_object_get(json, "version")) !=
				    VERSION)) {
		json_decref(json);
		json = NULL;
	}
	return json;
}

static int load_parts(struct snapshot *s, int folder, const char *key)
{
	json_t *json = read_description(folder, key);
	const json_t *parts = json_object_get(json, "parts");
	struct diag ignored = {0};
	int rc = json ? 0 : -1;

	for (int p = 0; rc == 0 && p < SNAPSHOT_PARTS; p++)
		rc = load_part(s, p, folder, json_object_get(parts, names[p]));
	if (rc == 0)
		rc = snapshot_seal(s, &ignored);
	json_decref(json);
	diag_clear(&ignored);
	return rc;
}

int snapshot_load(struct snapshot *s, int store, const char *key)
{
	CLEANUP(file_close)
	int folder = openat(store, key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*s = SNAPSHOT_NONE;
	if (folder < 0)
		return 0;
	if (load_parts(s, folder, key) == 0) {
		futimens(folder, NULL);
		return 1;
	}
	snapshot_clear(s);
	remove_snapshot(store, key);
	return 0;
}
