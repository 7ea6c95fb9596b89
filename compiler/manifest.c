/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "manifest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "params.h"
#include "runtime/unit.h"

#define MANIFEST_LIMIT_BYTES ((size_t)1 << 30)

static void add_text(
	struct buffer *b, const char *indent, const char *key, const char *value)
{
	if (!value)
		return;
	buffer_printf(b, "%s\"%s\": ", indent, key);
	params_add_json_string(b, value);
	buffer_add_text(b, ",\n");
}

static void add_list(
	struct buffer *b, const char *key, const char *const *list, size_t count)
{
	buffer_printf(b, "  \"%s\": [", key);
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(b, i ? ", " : "");
		params_add_json_string(b, list[i]);
	}
	buffer_add_text(b, "],\n");
}

static void add_head(struct buffer *b, const struct manifest *m)
{
	const struct plan *p = m->plan;
	const char *slash = strrchr(p->recipe_path, '/');

	add_text(b, "  ", "format", WU_MANIFEST_FORMAT);
	buffer_printf(b, "  \"version\": %d,\n", WU_MANIFEST_VERSION);
	add_text(b, "  ", "generator", "wuc " WU_VERSION);
	add_text(b, "  ", "name", p->name);
	add_text(b, "  ", "description", p->description);
	add_text(b, "  ", "release", p->version);
	add_text(b, "  ", "licence", p->licence);
	if (p->author_count)
		add_list(b, "authors", p->authors, p->author_count);
	buffer_printf(b, "  \"epoch\": %" PRId64 ",\n", p->epoch);
	buffer_add_text(b, "  \"recipe\": {\"file\": ");
	params_add_json_string(b, slash ? slash + 1 : p->recipe_path);
	buffer_printf(b, ", \"sha256\": \"%s\"},\n", m->recipe_sha256);
	buffer_add_text(b, "  \"base\": {\"name\": ");
	params_add_json_string(b, m->base->name);
	buffer_printf(b, ", \"digest\": \"%s\"},\n", m->base->digest);
}

static void add_machine(struct buffer *b, const struct manifest *m)
{
	const struct machine *c = &m->plan->machine;

	buffer_printf(b,
		"  \"machine\": {\n"
		"    \"cpus\": %u,\n"
		"    \"memory_bytes\": %" PRIu64 ",\n"
		"    \"time_ms\": %" PRIu64 ",\n",
		c->cpus, c->memory_bytes, c->time_ms);
	add_text(b, "    ", "network", c->network);
	add_text(b, "    ", "user", c->user);
	buffer_add_text(b, "    \"append\": ");
	params_add_json_string(b, m->base->append);
	buffer_add_text(b, "\n  },\n");
}

static void add_output(struct buffer *b, const struct output *o)
{
	buffer_printf(b, "  \"output\": {\"size_bytes\": %" PRIu64, o->size_bytes);
	if (o->metrics) {
		buffer_add_text(b, ", \"metrics\": ");
		params_add_json_string(b, o->metrics);
	}
	buffer_add_text(b, "},\n");
}

static void add_layout(struct buffer *b, const struct manifest *m)
{
	static const char *const names[] = {[LAYOUT_DISKS] = NULL,
		[LAYOUT_SINGLE] = WU_LAYOUT_SINGLE,
		[LAYOUT_BOOTABLE] = WU_LAYOUT_BOOTABLE};

	add_text(b, "  ", "layout", names[m->plan->layout]);
}

/* On one line: run.sh finds it there. */
static void add_disk(struct buffer *b, const struct manifest *m)
{
	const struct whole_disk *w = m->whole;

	if (!w && !m->base->disk)
		return;
	buffer_printf(b, "  \"disk\": {\"file\": \"%s\", \"format\": \"%s\"",
		w ? WU_DISK_IMAGE : WU_BASE_FOLDER "/" WU_DISK_IMAGE,
		w ? "raw" : m->base->disk->format);
	if (m->loader[0])
		buffer_printf(b, ", \"loader\": \"%s\"", m->loader);
	if (w) {
		buffer_printf(b,
			", \"output\": {\"offset\": %" PRIu64 ", \"size\": %" PRIu64
			", \"folder\": ",
			w->output_offset, w->output_bytes);
		params_add_json_string(b, w->output_folder);
		buffer_add_text(b, "}");
	}
	buffer_add_text(b, "},\n");
}

static void add_drives(struct buffer *b, const struct manifest *m)
{
	for (size_t i = 0; i < m->artifact_count; i++)
		if (strcmp(m->artifacts[i].path, WU_BASE_FOLDER "/" WU_SEED_IMAGE) == 0)
			buffer_add_text(b, "  \"seed\": true,\n");
	if (m->floppies)
		buffer_add_text(b, "  \"floppy\": true,\n");
}

static void add_scripts(struct buffer *b, const struct plan *p)
{
	buffer_add_text(b, "  \"scripts\": [");
	for (size_t i = 0; i < p->script_count; i++) {
		buffer_add_text(b, i ? ", " : "");
		params_add_json_string(b, p->scripts[i].name);
	}
	buffer_add_text(b, "],\n");
}

static void add_files(struct buffer *b, const struct manifest *m)
{
	buffer_add_text(b, "  \"files\": {\n");
	for (size_t i = 0; i < m->artifact_count; i++) {
		const struct artifact *a = &m->artifacts[i];

		buffer_printf(b, "    \"%s\": {\"size\": %" PRIu64 ", \"sha256\": \"%s\"",
			a->path, a->size_bytes, a->sha256);
		if (a->key[0])
			buffer_printf(b, ", \"key\": \"%s\"", a->key);
		buffer_add_text(b, i + 1 < m->artifact_count ? "},\n" : "}\n");
	}
	buffer_add_text(b, "  },\n");
}

static void add_instances(struct buffer *b, const struct manifest *m)
{
	const struct sweep *s = &m->plan->sweep;

	buffer_add_text(b, "  \"instances\": [\n");
	for (size_t i = 0; i < s->instance_count; i++) {
		buffer_printf(b, "    {\"id\": \"%s\", \"params\": ", s->instances[i].id);
		params_add_canonical(b, s, s->instances[i].values);
		buffer_printf(b, ", \"size\": %" PRIu64 ", \"sha256\": \"%s\"",
			m->isos[i].size_bytes, m->isos[i].sha256);
		if (m->floppies)
			buffer_printf(b,
				", \"floppy\": {\"size\": %" PRIu64
				", \"sha256\": \"%s\"}",
				m->floppies[i].size_bytes, m->floppies[i].sha256);
		buffer_add_text(b, i + 1 < s->instance_count ? "},\n" : "}\n");
	}
	buffer_add_text(b, "  ]\n");
}

void manifest_render(const struct manifest *m, struct buffer *b)
{
	buffer_add_text(b, "{\n");
	add_head(b, m);
	add_layout(b, m);
	add_disk(b, m);
	add_drives(b, m);
	add_machine(b, m);
	add_output(b, &m->plan->output);
	add_text(b, "  ", "results", m->plan->results);
	add_scripts(b, m->plan);
	add_files(b, m);
	add_list(b, "parameters", m->plan->sweep.names, m->plan->sweep.name_count);
	add_text(b, "  ", "iso_key", m->iso_key);
	add_text(b, "  ", "floppy_key", m->floppies ? m->floppy_key : NULL);
	add_instances(b, m);
	buffer_add_text(b, "}\n");
}

/* The instances by id, so that each can be found at once. */
static json_t *index_isos(const json_t *instances)
{
	json_t *index = json_object(), *entry;
	size_t i;

	json_array_foreach(instances, i, entry)
	{
		const char *id = json_string_value(json_object_get(entry, "id"));

		if (id)
			json_object_set(index, id, entry);
	}
	return index;
}

void old_unit_read(struct old_unit *o, int dirfd)
{
	struct diag ignored = {0};
	size_t size;
	char *text = file_read(dirfd, WU_MANIFEST, MANIFEST_LIMIT_BYTES, &size, &ignored);
	const char *format;

	*o = (struct old_unit){0};
	diag_clear(&ignored);
	if (!text)
		return;
	o->root = json_loadb(text, size, 0, NULL);
	free(text);
	format = old_unit_text(o, NULL, "format");
	if (strcmp(format, WU_MANIFEST_FORMAT) != 0 ||
		json_integer_value(json_object_get(o->root, "version")) !=
			WU_MANIFEST_VERSION) {
		old_unit_clear(o);
		return;
	}
	o->files = json_object_get(o->root, "files");
	o->isos = index_isos(json_object_get(o->root, "instances"));
}

void old_unit_clear(struct old_unit *o)
{
	json_decref(o->isos);
	json_decref(o->root);
	*o = (struct old_unit){0};
}

static int read_artifact(const json_t *entry, struct artifact *a)
{
	const char *sha256 = json_string_value(json_object_get(entry, "sha256"));
	const char *key = json_string_value(json_object_get(entry, "key"));

	if (!sha256 || !digest_is_hex(sha256) || (key && !digest_is_hex(key)))
		return 0;
	a->size_bytes = (uint64_t)json_integer_value(json_object_get(entry, "size"));
	strcpy(a->sha256, sha256);
	strcpy(a->key, key ? key : "");
	return 1;
}

int old_unit_artifact(const struct old_unit *o, const char *path, struct artifact *a)
{
	return read_artifact(json_object_get(o->files, path), a);
}

int old_unit_iso(const struct old_unit *o, const char *id, struct artifact *a)
{
	return read_artifact(json_object_get(o->isos, id), a);
}

int old_unit_floppy(const struct old_unit *o, const char *id, struct artifact *a)
{
	return read_artifact(json_object_get(json_object_get(o->isos, id), "floppy"), a);
}

const char *old_unit_text(const struct old_unit *o, const char *section, const char *key)
{
	const json_t *object = section ? json_object_get(o->root, section) : o->root;
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}
