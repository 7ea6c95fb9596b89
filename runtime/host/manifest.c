/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "manifest_disk.h"
#include "runtime/unit.h"
#include "spot.h"

#define NAME_LIMIT 128
#define APPEND_LIMIT 2048
#define CPU_LIMIT 1024
#define MEMORY_LIMIT_BYTES (1ULL << 46)
#define TIME_LIMIT_MS (10ULL * 366 * 24 * 3600 * 1000)
#define KNOWN_IDS_SHOWN 4

static int get_user(const struct spot *s, const json_t *in, const char **text)
{
	const json_t *v = json_object_get(in, "user");
	const char *value = json_string_value(v);

	if (value &&
		(strcmp(value, WU_USER_BASE) == 0 || strcmp(value, WU_USER_USER) == 0 ||
			strcmp(value, WU_USER_ROOT) == 0)) {
		*text = value;
		return 0;
	}
	return spot_complain(s, "user", "\"base\", \"user\" or \"root\"", v);
}

static int is_id(const char *text)
{
	return strlen(text) == WU_ID_DIGITS &&
	       strspn(text, "0123456789abcdef") == WU_ID_DIGITS;
}

static int parse_head(const struct spot *s, const json_t *root, struct manifest *m)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const json_t *version = json_object_get(root, "version");

	if (!format || strcmp(format, WU_MANIFEST_FORMAT) != 0)
		return diag_fail(s->d,
			"%s/" WU_MANIFEST ": no work unit's manifest: its format is not "
			"\"" WU_MANIFEST_FORMAT "\"",
			s->unit);
	if (!json_is_integer(version))
		return spot_complain(s, "version", "a whole number", version);
	if (json_integer_value(version) != WU_MANIFEST_VERSION)
		return diag_fail(s->d,
			"%s/" WU_MANIFEST ": its format has version %" JSON_INTEGER_FORMAT
			"; this wurun (" WU_VERSION ") knows version %d only",
			s->unit, json_integer_value(version), WU_MANIFEST_VERSION);
	if (spot_get_text(s, root, "name", NAME_LIMIT, "a name", &m->name) < 0)
		return -1;
	if (!spot_is_plain_path(m->name) || strchr(m->name, '/') || m->name[0] == '.')
		return spot_complain(s, "name", "a name without slashes or a leading dot",
			json_object_get(root, "name"));
	return 0;
}

static int parse_machine(const struct spot *s, const json_t *root, struct manifest *m)
{
	const struct spot below = {s->unit, "machine.", s->d};
	const json_t *machine = json_object_get(root, "machine");
	uint64_t cpus = 0;

	if (!json_is_object(machine))
		return spot_complain(s, "machine", "an object", machine);
	if (spot_get_number(&below, machine, "cpus", 1, CPU_LIMIT, &cpus) < 0 ||
		spot_get_number(&below, machine, "memory_bytes", 1 << 20,
			MEMORY_LIMIT_BYTES, &m->memory_bytes) < 0 ||
		spot_get_number(
			&below, machine, "time_ms", 0, TIME_LIMIT_MS, &m->time_ms) < 0)
		return -1;
	m->cpus = (unsigned)cpus;
	if (spot_get_choice(&below, machine, "network", "none", "user", &m->network) <
			0 ||
		get_user(&below, machine, &m->user) < 0)
		return -1;
	return spot_get_text(&below, machine, "append", APPEND_LIMIT,
		"a kernel command line without control characters", &m->append);
}

static int parse_output(const struct spot *s, const json_t *root, struct manifest *m)
{
	const json_t *output = json_object_get(root, "output");
	const json_t *metrics = json_object_get(output, "metrics");

	if (!json_is_object(output))
		return spot_complain(s, "output", "an object", output);
	if (!metrics)
		return 0;
	m->metrics = json_string_value(metrics);
	if (!m->metrics || !spot_is_plain_path(m->metrics))
		return spot_complain(
			s, "output.metrics", "a relative path without . or ..", metrics);
	return 0;
}

static int parse_file(const struct spot *s, const char *path, const json_t *value,
	struct manifest_file *f)
{
	char *above;
	struct spot below = {s->unit, NULL, s->d};
	int rc;

	if (!spot_is_plain_path(path))
		return diag_fail(s->d,
			"%s/" WU_MANIFEST ": files: \"%s\": expected a relative path "
			"without . or ..",
			s->unit, path);
	above = memory_printf("files[\"%s\"].", path);
	below.above = above;
	f->path = path;
	rc = spot_get_number(&below, value, "size", 0, INT64_MAX, &f->size_bytes) < 0 ||
			     spot_get_digest(&below, value, "sha256", &f->sha256) < 0
		     ? -1
		     : 0;
	free(above);
	return rc;
}

static int parse_files(const struct spot *s, json_t *root, struct manifest *m)
{
	json_t *files = json_object_get(root, "files");
	const char *path;
	json_t *value;

	if (!json_is_object(files))
		return spot_complain(s, "files", "an object", files);
	m->files = memory_alloc(json_object_size(files) * sizeof(*m->files));
	json_object_foreach(files, path, value)
	{
		if (parse_file(s, path, value, &m->files[m->file_count]) < 0)
			return -1;
		m->file_count++;
	}
	return 0;
}

static int parse_params(const struct spot *s, json_t *params)
{
	const char *name;
	json_t *value;

	if (!json_is_object(params))
		return spot_complain(s, "params", "an object", params);
	json_object_foreach(params, name, value)
	{
		if (!json_is_string(value) && !json_is_number(value) &&
			!json_is_boolean(value))
			return spot_complain(
				s, "params", "texts, numbers and booleans only", value);
	}
	return 0;
}

static int parse_floppy(
	const struct spot *s, const json_t *value, struct manifest_instance *i)
{
	const json_t *floppy = json_object_get(value, "floppy");
	char *above;
	struct spot below = {s->unit, NULL, s->d};
	int rc;

	if (!json_is_object(floppy))
		return spot_complain(s, "floppy", "an object", floppy);
	above = memory_printf("%sfloppy.", s->above);
	below.above = above;
	rc = spot_get_number(&below, floppy, "size", 0, INT64_MAX, &i->floppy.size_bytes);
	if (rc == 0)
		rc = spot_get_digest(&below, floppy, "sha256", &i->floppy.sha256);
	free(above);
	if (rc == 0)
		i->floppy.path = memory_printf(WU_PARAMS_FOLDER "/%s.img", i->id);
	return rc;
}

static int parse_instance(
	const struct spot *s, json_t *value, int floppy, struct manifest_instance *i)
{
	json_t *params = json_object_get(value, "params");

	if (spot_get_text(s, value, "id", WU_ID_DIGITS, "12 hex digits", &i->id) < 0)
		return -1;
	if (!is_id(i->id))
		return spot_complain(
			s, "id", "12 hex digits", json_object_get(value, "id"));
	if (parse_params(s, params) < 0 ||
		spot_get_number(s, value, "size", 0, INT64_MAX, &i->cd.size_bytes) < 0 ||
		spot_get_digest(s, value, "sha256", &i->cd.sha256) < 0)
		return -1;
	i->params = params;
	if (floppy && parse_floppy(s, value, i) < 0)
		return -1;
	i->cd.path = memory_printf(WU_PARAMS_FOLDER "/%s.iso", i->id);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_ids_differ(const struct spot *s, const struct manifest *m)
{
	const char **ids = memory_alloc(m->instance_count * sizeof(*ids));
	int rc = 0;

	for (size_t i = 0; i < m->instance_count; i++)
		ids[i] = m->instances[i].id;
	qsort(ids, m->instance_count, sizeof(*ids), compare_ids);
	for (size_t i = 1; i < m->instance_count && rc == 0; i++)
		if (strcmp(ids[i - 1], ids[i]) == 0)
			rc = diag_fail(s->d, "%s/" WU_MANIFEST ": instances: id %s twice",
				s->unit, ids[i]);
	free(ids);
	return rc;
}

static int parse_instances(const struct spot *s, json_t *root, struct manifest *m)
{
	json_t *list = json_object_get(root, "instances");
	char above[40];
	const struct spot below = {s->unit, above, s->d};

	if (!json_is_array(list) || json_array_size(list) == 0)
		return spot_complain(s, "instances", "an array of at least one", list);
	m->instances = memory_alloc(json_array_size(list) * sizeof(*m->instances));
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(above, sizeof(above), "instances[%zu].", i);
		if (parse_instance(&below, json_array_get(list, i), m->floppy,
			    &m->instances[i]) < 0)
			return -1;
		m->instance_count++;
	}
	return check_ids_differ(s, m);
}

int manifest_parse(const char *bytes, size_t size, const char *unit, struct manifest *m,
	struct diag *d)
{
	const struct spot s = {unit, "", d};
	json_error_t error;

	*m = (struct manifest){0};
	m->json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
	if (!m->json)
		return diag_fail(d, "%s/" WU_MANIFEST ": line %d: %s", unit, error.line,
			error.text);
	if (parse_head(&s, m->json, m) < 0 || parse_machine(&s, m->json, m) < 0 ||
		parse_output(&s, m->json, m) < 0 || parse_files(&s, m->json, m) < 0 ||
		manifest_parse_layout(&s, m->json, m) < 0 ||
		parse_instances(&s, m->json, m) < 0) {
		manifest_clear(m);
		return -1;
	}
	return 0;
}

int manifest_load(int unitfd, const char *unit, struct manifest *m, struct diag *d)
{
	struct diag inner = {0};
	size_t size = 0;
	char *bytes = file_read(unitfd, WU_MANIFEST, MANIFEST_LIMIT_BYTES, &size, &inner);
	int rc;

	if (!bytes) {
		for (size_t i = 0; i < inner.count; i++)
			diag_fail(d, "%s: no work unit: %s", unit, inner.lines[i].text);
		diag_clear(&inner);
		return -1;
	}
	rc = manifest_parse(bytes, size, unit, m, d);
	free(bytes);
	return rc;
}

void manifest_clear(struct manifest *m)
{
	for (size_t i = 0; i < m->instance_count; i++) {
		free((void *)(uintptr_t)m->instances[i].cd.path);
		free((void *)(uintptr_t)m->instances[i].floppy.path);
	}
	free(m->instances);
	free(m->files);
	json_decref(m->json);
	*m = (struct manifest){0};
}

const struct manifest_file *manifest_find_file(const struct manifest *m, const char *path)
{
	for (size_t i = 0; i < m->file_count; i++)
		if (strcmp(m->files[i].path, path) == 0)
			return &m->files[i];
	return NULL;
}

static void name_known_ids(const struct manifest *m, struct buffer *b)
{
	size_t shown =
		m->instance_count < KNOWN_IDS_SHOWN ? m->instance_count : KNOWN_IDS_SHOWN;

	for (size_t i = 0; i < shown; i++)
		buffer_printf(b, "%s%s", i ? ", " : "", m->instances[i].id);
	if (shown < m->instance_count)
		buffer_printf(b, " and %zu more", m->instance_count - shown);
}

/* The id that shares the longest beginning with text, where that is any use. */
static const char *nearest_id(const struct manifest *m, const char *text)
{
	const char *best = NULL;
	size_t best_length = 2;

	for (size_t i = 0; i < m->instance_count; i++) {
		const char *id = m->instances[i].id;
		size_t length = 0;

		while (text[length] && text[length] == id[length])
			length++;
		if (length > best_length) {
			best = id;
			best_length = length;
		}
	}
	return best;
}

static void complain_unknown(const struct manifest *m, const char *text, struct diag *d)
{
	const char *nearest = nearest_id(m, text);
	struct buffer known = {0};

	name_known_ids(m, &known);
	if (nearest)
		diag_fail(d, "%s: no instance of unit %s; the nearest is %s", text,
			m->name, nearest);
	else
		diag_fail(d, "%s: no instance of unit %s; it has %s", text, m->name,
			known.bytes);
	buffer_clear(&known);
}

const struct manifest_instance *manifest_find_instance(
	const struct manifest *m, const char *text, struct diag *d)
{
	const struct manifest_instance *found = NULL;
	size_t length = strlen(text);

	for (size_t i = 0; length > 0 && i < m->instance_count; i++) {
		if (strncmp(m->instances[i].id, text, length) != 0)
			continue;
		if (found) {
			diag_fail(d, "%s: more than one instance: %s and %s", text,
				found->id, m->instances[i].id);
			return NULL;
		}
		found = &m->instances[i];
	}
	if (!found)
		complain_unknown(m, text, d);
	return found;
}
