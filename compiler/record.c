/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "place.h"

#define FORMAT "workunit-base"
#define VERSION 1
#define LIMIT_BYTES (1024U * 1024)

static json_t *describe_files(const struct base_file *files, size_t count)
{
	json_t *all = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(all, files[i].name,
			json_pack("{s:I, s:s}", "size", (json_int_t)files[i].size_bytes,
				"sha256", files[i].sha256));
	return all;
}

static json_t *describe_packages(const struct lock *packages)
{
	json_t *all = json_array();

	for (size_t i = 0; i < packages->count; i++) {
		const struct pin *pin = &packages->pins[i];

		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:s}", "name", pin->name,
				     "version", pin->version, "architecture",
				     pin->architecture, "sha256", pin->sha256));
	}
	return all;
}

/* The text, which the caller frees, or NULL. */
static char *describe(const struct base_plan *plan, const struct lock *packages,
	const struct base_file *files, size_t file_count)
{
	json_t *root = json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:o, s:o}", "format",
		FORMAT, "version", VERSION, "name", plan->name, "description",
		plan->description ? plan->description : "", "append",
		plan->append ? plan->append : "", "epoch", (json_int_t)plan->epoch,
		"files", describe_files(files, file_count), "packages",
		describe_packages(packages));
	char *text = root ? json_dumps(root, JSON_SORT_KEYS | JSON_INDENT(2)) : NULL;

	json_decref(root);
	return text;
}

static int write_synced(int dirfd, const char *text, size_t size, struct diag *d)
{
	CLEANUP(file_close) int fd = -1;

	if (file_create(dirfd, RECORD_NAME, text, size, 0444, d) < 0)
		return -1;
	fd = openat(dirfd, RECORD_NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return diag_fail_errno(d, RECORD_NAME);
	return 0;
}

int record_write(int dirfd, const struct base_plan *plan, const struct lock *packages,
	const struct base_file *files, size_t file_count, char digest[DIGEST_HEX],
	struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};
	char *json = describe(plan, packages, files, file_count);

	if (!json)
		return place_fail(
			d, &plan->place, "expected a name and a description in UTF-8");
	buffer_printf(&text, "%s\n", json);
	free(json);
	digest_of_bytes(text.bytes, text.size, digest);
	return write_synced(dirfd, text.bytes, text.size, d);
}

static int check_size(
	int dirfd, const char *folder, const char *name, uint64_t size, struct diag *d)
{
	struct stat st;

	if (strchr(name, '/'))
		return diag_fail(d, "%s: names a file outside", folder);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return diag_fail_errno(d, "%s/%s", folder, name);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return diag_fail(
			d, "%s/%s: has not the size that it was made with", folder, name);
	return 0;
}

/* The record's own order is by name. */
static int read_files(
	int dirfd, json_t *files, struct base *base, struct arena *a, struct diag *d)
{
	struct base_file *list =
		arena_alloc(a, (json_object_size(files) + 1) * sizeof(*list));
	const char *name, *sha256;
	json_t *value;

	json_object_foreach(files, name, value)
	{
		struct base_file *f = &list[base->file_count];

		f->name = arena_strdup(a, name);
		f->size_bytes =
			(uint64_t)json_integer_value(json_object_get(value, "size"));
		sha256 = json_string_value(json_object_get(value, "sha256"));
		if (!sha256 || !digest_is_hex(sha256))
			return diag_fail(d, "%s/%s: has no digest", base->folder, name);
		memcpy(f->sha256, sha256, DIGEST_HEX);
		if (check_size(dirfd, base->folder, name, f->size_bytes, d) < 0)
			return -1;
		base->file_count++;
	}
	base->files = list;
	return 0;
}

static int read_fields(json_t *root, const char *folder, struct base *base,
	struct arena *a, struct diag *d)
{
	const char *format, *name, *append;
	int version;

	if (json_unpack(root, "{s:s, s:i, s:s, s:s}", "format", &format, "version",
		    &version, "name", &name, "append", &append) < 0 ||
		strcmp(format, FORMAT) != 0 || version != VERSION)
		return diag_fail(
			d, "%s/" RECORD_NAME ": not the record of a base", folder);
	base->name = arena_strdup(a, name);
	base->append = arena_strdup(a, append);
	return 0;
}

static int read_record(int dirfd, const char *folder, const char *digest,
	struct base *base, struct arena *a, struct diag *d)
{
	size_t size;
	char found[DIGEST_HEX];
	char *text = file_read(dirfd, RECORD_NAME, LIMIT_BYTES, &size, d);
	json_t *root = NULL;
	int rc = -1;

	if (!text)
		return -1;
	digest_of_bytes(text, size, found);
	if (strcmp(found, digest) != 0)
		diag_fail(d, "%s/" RECORD_NAME ": was changed", folder);
	else if (!(root = json_loadb(text, size, 0, NULL)))
		diag_fail(d, "%s/" RECORD_NAME ": not JSON", folder);
	else if (read_fields(root, folder, base, a, d) == 0)
		rc = read_files(dirfd, json_object_get(root, "files"), base, a, d);
	json_decref(root);
	free(text);
	return rc;
}

int record_read(struct store *s, const char *digest, struct base *base, struct arena *a,
	struct diag *d)
{
	const char *folder = arena_printf(a, "%s/bases/%s", s->path, digest);
	CLEANUP(file_close)
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return diag_fail_errno(d, "%s", folder);
	*base = (struct base){.folder = folder};
	memcpy(base->digest, digest, DIGEST_HEX);
	return read_record(fd, folder, digest, base, a, d) < 0 ? -1 : 1;
}
