/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_config.h"

#include <jansson.h>
#include <string.h>

#include "runtime/unit.h"

#define LINE_MAX_BYTES 32768
#define ENTRIES_MAX 4096
#define USER_MAX_BYTES 256
#define COMMAND_MAX_BYTES (128 * 1024) /* as Linux has it of one argument */
#define NAME_SHOWN_BYTES 80
#define WARNINGS_MAX 10
#define PATH_NAME "PATH="

struct reading {
	const struct oci_blobs *blobs;
	size_t left_out; /* variables */
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

static int fail_limit(struct reading *r, const char *field, size_t limit, const char *of)
{
	return oci_fail(r->blobs, r->diag,
		"the image's configuration: %s: expected at most %zu %s", field, limit,
		of);
}

/* A text in the JSON's own memory, or NULL. */
static const char *get_text(
	struct reading *r, const json_t *value, const char *field, size_t limit)
{
	const char *text = json_string_value(value);

	if (text && strlen(text) <= limit)
		return text;
	if (text)
		fail_limit(r, field, limit, "bytes");
	else
		fail(r, field, "a text");
	return NULL;
}

/* A text that stands on a line of its own in what the guest gets, copied. */
static const char *copy_line(
	struct reading *r, const json_t *value, const char *field, size_t limit)
{
	const char *text = get_text(r, value, field, limit);

	if (!text)
		return NULL;
	if (strpbrk(text, "\n\r")) {
		fail(r, field, "a text of one line");
		return NULL;
	}
	return arena_strdup(r->arena, text);
}

/* 1 for a list, 0 for none. */
static int check_list(struct reading *r, const json_t *array, const char *field)
{
	if (!array || json_is_null(array))
		return 0;
	if (!json_is_array(array) || json_array_size(array) > ENTRIES_MAX)
		return fail(r, field, "a list of texts");
	return 1;
}

/* Adds an array of texts to a list with room for them; null is none. */
static int copy_list(struct reading *r, const json_t *array, const char *field,
	const char **list, size_t *count)
{
	int rc = check_list(r, array, field);
	size_t i;
	json_t *value;

	if (rc <= 0)
		return rc;
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

/* What a guest cannot be told of, and why; NULL: it can. */
static const char *why_left_out(const char *variable)
{
	if (!strchr(variable, '='))
		return "it has no value";
	if (strchr(variable, '\n'))
		return "it has more than one line";
	return NULL;
}

static int is_path(const char *variable)
{
	return strncmp(variable, PATH_NAME, strlen(PATH_NAME)) == 0;
}

/* An empty PATH is none, and an earlier one does not come back. */
static void drop_path(const char **list, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if (!is_path(list[i]))
			list[kept++] = list[i];
	*count = kept;
}

static void warn_left_out(struct reading *r, const char *variable, const char *why,
	const char **warnings, struct oci_config *c)
{
	size_t size = strcspn(variable, "=\n");
	int shown = size < NAME_SHOWN_BYTES ? (int)size : NAME_SHOWN_BYTES;

	if (r->left_out++ < WARNINGS_MAX)
		warnings[c->warning_count++] = arena_printf(r->arena,
			"%s: the image's configuration: Env: %.*s is left out: %s",
			r->blobs->name, shown, variable, why);
}

static int add_variable(struct reading *r, const char *variable, const char **list,
	const char **warnings, struct oci_config *c)
{
	const char *why = why_left_out(variable);

	if (*variable == '=')
		return fail(r, "Env", "NAME=VALUE");
	if (why)
		warn_left_out(r, variable, why, warnings, c);
	else if (strcmp(variable, PATH_NAME) == 0)
		drop_path(list, &c->environment_count);
	else
		list[c->environment_count++] = arena_strdup(r->arena, variable);
	return 0;
}

static int read_environment(
	struct reading *r, const json_t *running, struct oci_config *c)
{
	const json_t *array = json_object_get(running, "Env");
	const char **list = make_list(r, array, NULL),
		   **warnings = make_list(r, array, NULL);
	int rc = check_list(r, array, "Env");
	size_t i;
	json_t *value;

	c->environment = list;
	c->warnings = warnings;
	if (rc <= 0)
		return rc;
	json_array_foreach(array, i, value)
	{
		const char *variable = get_text(r, value, "Env", LINE_MAX_BYTES);

		if (!variable || add_variable(r, variable, list, warnings, c) < 0)
			return -1;
	}
	if (r->left_out > WARNINGS_MAX)
		warnings[c->warning_count++] = arena_printf(r->arena,
			"%s: the image's configuration: Env: and %zu more left out",
			r->blobs->name, r->left_out - WARNINGS_MAX);
	if (c->environment_count > WU_GUEST_BASE_VARIABLES)
		return fail_limit(r, "Env", WU_GUEST_BASE_VARIABLES, "variables");
	return 0;
}

static int read_command(struct reading *r, const json_t *running, struct oci_config *c)
{
	const json_t *entry = json_object_get(running, "Entrypoint");
	const json_t *arguments = json_object_get(running, "Cmd");
	const char **list = make_list(r, entry, arguments);
	size_t bytes = 0;

	c->command = list;
	if (copy_list(r, entry, "Entrypoint", list, &c->command_count) < 0 ||
		copy_list(r, arguments, "Cmd", list, &c->command_count) < 0)
		return -1;
	if (c->command_count && !*list[0])
		return fail(r, "Entrypoint", "a program's name");
	for (size_t i = 0; i < c->command_count; i++)
		bytes += strlen(list[i]) + 1;
	if (bytes > COMMAND_MAX_BYTES)
		return fail_limit(
			r, "Entrypoint and Cmd", COMMAND_MAX_BYTES, "bytes in all");
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
	/* From the root on, as container engines take it. */
	if (*c->folder && *c->folder != '/')
		c->folder = arena_printf(r->arena, "/%s", c->folder);
	if (strlen(c->folder) > TREE_PATH_MAX)
		return fail_limit(r, "WorkingDir", TREE_PATH_MAX, "bytes");
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
