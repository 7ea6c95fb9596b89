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
#include "partitions.h"
#include "place.h"

#define FORMAT "workunit-base"
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

static void describe_packages(json_t *all, const struct lock *packages)
{
	for (size_t i = 0; i < packages->count; i++) {
		const struct pin *pin = &packages->pins[i];

		json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:s}", "name", pin->name,
				     "version", pin->version, "architecture",
				     pin->architecture, "sha256", pin->sha256));
	}
}

static json_t *describe_all_packages(const struct record_parts *parts)
{
	json_t *all = json_array();

	for (size_t i = 0; i < parts->lock_count; i++)
		describe_packages(all, &parts->locks[i]);
	return all;
}

static int describe_command(json_t *root, const struct record_parts *parts)
{
	json_t *words = json_array();
	int rc = 0;

	for (size_t i = 0; i < parts->command_count; i++)
		rc |= json_array_append_new(words, json_string(parts->command[i]));
	if (parts->command_count > 0)
		rc |= json_object_set(root, "command", words);
	json_decref(words);
	return rc;
}

static const char *const agent_ways[] = {
	[AGENT_GUEST] = "guest",
	[AGENT_SEED] = "seed",
	[AGENT_NONE] = "none",
};
#define AGENT_WAYS (sizeof(agent_ways) / sizeof(*agent_ways))

static void describe_disk(json_t *root, const struct base_disk *disk)
{
	json_t *o;

	if (!disk)
		return;
	o = json_pack("{s:s, s:s, s:s}", "format", disk->format, "home", disk->home,
		"agent", agent_ways[disk->agent]);
	if (disk->partition != PARTITION_ANY)
		json_object_set_new(o, "partition", json_integer(disk->partition));
	json_object_set_new(root, "disk", o);
}

/* The text, which the caller frees, or NULL. */
static char *describe(const struct record_parts *parts)
{
	const struct base_plan *plan = parts->plan;
	json_t *root = json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:o, s:o}", "format",
		FORMAT, "version", RECORD_VERSION, "name", plan->name, "description",
		plan->description ? plan->description : "", "append",
		plan->append ? plan->append : "", "epoch", (json_int_t)plan->epoch,
		"files", describe_files(parts->files, parts->file_count), "packages",
		describe_all_packages(parts));
	char *text = NULL;

	if (root && describe_command(root, parts) == 0) {
		describe_disk(root, parts->disk);
		text = json_dumps(root, JSON_SORT_KEYS | JSON_INDENT(2));
	}
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

int record_write(int dirfd, const struct record_parts *parts, char digest[DIGEST_HEX],
	struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};
	char *json = describe(parts);

	if (!json)
		return place_fail(d, &parts->plan->place,
			"expected a name, a description and a command in UTF-8");
	if (strlen(json) >= LIMIT_BYTES) {
		free(json);
		return place_fail(d, &parts->plan->place,
			"expected a name, a description, a command and packages of at "
			"most %u bytes together, as " RECORD_NAME " has them",
			LIMIT_BYTES);
	}
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

static int fail_record(const char *folder, struct diag *d)
{
	return diag_fail(d, "%s/" RECORD_NAME ": not the record of a base", folder);
}

static int read_command(json_t *words, const char *folder, struct base *base,
	struct arena *a, struct diag *d)
{
	const char **list = arena_alloc(a, (json_array_size(words) + 1) * sizeof(*list));
	json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
	{
		if (!json_is_string(word))
			return diag_fail(d,
				"%s/" RECORD_NAME ": not the record of a base", folder);
		list[base->command_count++] = arena_strdup(a, json_string_value(word));
	}
	base->command = list;
	return 0;
}

static int read_disk(json_t *disk, const char *folder, struct base *base, struct arena *a,
	struct diag *d)
{
	struct base_disk *b = arena_alloc(a, sizeof(*b));
	const char *format, *home, *agent;
	size_t way = 0;

	if (!disk)
		return 0;
	b->partition = PARTITION_ANY;
	if (json_unpack(disk, "{s:s, s:s, s:s, s?i}", "format", &format, "home", &home,
		    "agent", &agent, "partition", &b->partition) < 0)
		return fail_record(folder, d);
	while (way < AGENT_WAYS && strcmp(agent_ways[way], agent) != 0)
		way++;
	if (way == AGENT_WAYS)
		return fail_record(folder, d);
	b->agent = (enum agent_way)way;
	b->format = arena_strdup(a, format);
	b->home = arena_strdup(a, home);
	base->disk = b;
	return 0;
}

static int read_packages(json_t *all, const char *folder, struct base *base,
	struct arena *a, struct diag *d)
{
	struct base_package *list =
		arena_alloc(a, (json_array_size(all) + 1) * sizeof(*list));
	const char *name, *version;
	json_t *package;
	size_t i;

	json_array_foreach(all, i, package)
	{
		if (json_unpack(package, "{s:s, s:s}", "name", &name, "version",
			    &version) < 0)
			return fail_record(folder, d);
		list[i].name = arena_strdup(a, name);
		list[i].version = arena_strdup(a, version);
	}
	base->packages = list;
	base->package_count = json_array_size(all);
	return 0;
}

static int read_fields(json_t *root, const char *folder, struct base *base,
	struct arena *a, struct diag *d)
{
	const char *format, *name, *append, *description = "";
	int version;

	if (json_unpack(root, "{s:s, s:i, s:s, s:s, s?s}", "format", &format, "version",
		    &version, "name", &name, "append", &append, "description",
		    &description) < 0 ||
		strcmp(format, FORMAT) != 0 || version != RECORD_VERSION)
		return fail_record(folder, d);
	base->name = arena_strdup(a, name);
	base->append = arena_strdup(a, append);
	base->description = arena_strdup(a, description);
	if (read_command(json_object_get(root, "command"), folder, base, a, d) < 0 ||
		read_disk(json_object_get(root, "disk"), folder, base, a, d) < 0)
		return -1;
	return read_packages(json_object_get(root, "packages"), folder, base, a, d);
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
