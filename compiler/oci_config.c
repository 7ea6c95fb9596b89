/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_config.h"

#include <jansson.h>
#include <string.h>

#define LINE_MAX_BYTES 32768
#define ENTRIES_MAX 4096
#define USER_MAX_BYTES 256

struct reading {
	const struct oci_blobs *blobs;
	struct arena *arena;
	struct diag *diag;
};

int oci_read_digest(const char *text, char hex[DIGEST_HEX])
{
	if (!text || strncmp(text, "sha256:", 7) != 0 || !digest_is_hex(text + 7))
		return 0;
	memcpy(hex, text + 7, DIGEST_HEX);
	return 1;
}

static int fail(struct reading *r, const char *field, const char *expected)
{
	return oci_fail(r->blobs, r->diag, "the image's configuration: %s: expected %s",
		field, expected);
}

/* A text that stands on a line of its own in what the guest gets, copied. */
static const char *copy_line(
	struct reading *r, const json_t *value, const char *field, size_t limit)
{
	const char *text = json_string_value(value);

	if (!text) {
		fail(r, field, "a text");
		return NULL;
	}
	if (strlen(text) > limit || strpbrk(text, "\n\r")) {
		fail(r, field,
			strlen(text) > limit ? "a shorter text" : "a text of one line");
		return NULL;
	}
	return arena_strdup(r->arena, text);
}

/* Adds an array of texts to a list with room for them; null is none. */
static int copy_list(struct reading *r, const json_t *array, const char *field,
	const char **list, size_t *count)
{
	size_t i;
	json_t *value;

	if (!array || json_is_null(array))
		return 0;
	if (!json_is_array(array) || json_array_size(array) > ENTRIES_MAX)
		return fail(r, field, "a list of texts");
	json_array_foreach(array, i, value)
	{
		list[*count] = copy_line(r, value, field, LINE_MAX_BYTES);
		if (!list[*count])
			return -1;
		++*count;
	}
	return 0;
}

static const char **make_list(struct reading *r, const json_t *one, const json_t *other)
{
	return arena_alloc(r->arena,
		(json_array_size(one) + json_array_size(other) + 1) * sizeof(char *));
}

static int read_environment(
	struct reading *r, const json_t *running, struct oci_config *c)
{
	const json_t *array = json_object_get(running, "Env");
	const char **list = make_list(r, array, NULL);

	if (copy_list(r, array, "Env", list, &c->environment_count) < 0)
		return -1;
	for (size_t i = 0; i < c->environment_count; i++) {
		if (!strchr(list[i], '=') || *list[i] == '=')
			return fail(r, "Env", "NAME=VALUE");
	}
	c->environment = list;
	return 0;
}

static int read_command(struct reading *r, const json_t *running, struct oci_config *c)
{
	const json_t *entry = json_object_get(running, "Entrypoint");
	const json_t *arguments = json_object_get(running, "Cmd");
	const char **list = make_list(r, entry, arguments);

	c->command = list;
	if (copy_list(r, entry, "Entrypoint", list, &c->command_count) < 0 ||
		copy_list(r, arguments, "Cmd", list, &c->command_count) < 0)
		return -1;
	if (c->command_count && !*list[0])
		return fail(r, "Entrypoint", "a program's name");
	return 0;
}

static int read_text(struct reading *r, const json_t *running, const char *field,
	size_t limit, const char **text)
{
	const json_t *value = json_object_get(running, field);

	*text = "";
	if (!value || json_is_null(value))
		return 0;
	*text = copy_line(r, value, field, limit);
	return *text ? 0 : -1;
}

static int read_running(struct reading *r, const json_t *root, struct oci_config *c)
{
	const json_t *running = json_object_get(root, "config");

	if (running && !json_is_null(running) && !json_is_object(running))
		return fail(r, "config", "an object");
	if (read_environment(r, running, c) < 0 || read_command(r, running, c) < 0 ||
		read_text(r, running, "User", USER_MAX_BYTES, &c->user) < 0 ||
		read_text(r, running, "WorkingDir", TREE_PATH_MAX, &c->folder) < 0)
		return -1;
	if (*c->folder && *c->folder != '/')
		return fail(r, "WorkingDir", "an absolute path");
	return 0;
}

static int read_diffs(struct reading *r, const json_t *root, struct oci_diffs *diffs)
{
	const json_t *fs = json_object_get(root, "rootfs");
	const json_t *array = json_object_get(fs, "diff_ids");
	size_t count = json_array_size(array), i;
	const char **list = arena_alloc(r->arena, (count + 1) * sizeof(*list));
	char hex[DIGEST_HEX];
	json_t *value;

	json_array_foreach(array, i, value)
	{
		if (!oci_read_digest(json_string_value(value), hex))
			return fail(r, "rootfs.diff_ids", "digests of SHA-256");
		list[i] = arena_strdup(r->arena, hex);
	}
	*diffs = (struct oci_diffs){.list = list, .count = count};
	return 0;
}

static int check_platform(struct reading *r, const json_t *root)
{
	const char *os = json_string_value(json_object_get(root, "os"));
	const char *machine = json_string_value(json_object_get(root, "architecture"));

	os = os && *os ? os : "linux";
	machine = machine && *machine ? machine : "amd64";
	if (strcmp(os, "linux") == 0 && strcmp(machine, "amd64") == 0)
		return 0;
	return oci_fail(r->blobs, r->diag,
		"expected an image for linux/amd64, found %s/%s", os, machine);
}

int oci_config_read(const struct oci_blobs *b, const char *text, size_t size,
	struct oci_config *config, struct oci_diffs *diffs, struct arena *a,
	struct diag *d)
{
	struct reading r = {.blobs = b, .arena = a, .diag = d};
	json_error_t error;
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	int rc = -1;

	*config = (struct oci_config){.user = "", .folder = ""};
	*diffs = (struct oci_diffs){0};
	if (!json_is_object(root))
		oci_fail(b, d,
			"the image's configuration: expected an object in JSON%s%s",
			root ? "" : ": ", root ? "" : error.text);
	else if (check_platform(&r, root) == 0 && read_running(&r, root, config) == 0)
		rc = read_diffs(&r, root, diffs);
	json_decref(root);
	return rc;
}
