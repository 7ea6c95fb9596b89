/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jsontext.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"

#define ONE_LINE (-1)
#define PARAM_SHOWN 60 /* characters */

static void add_value(struct buffer *b, const json_t *value, int level);

static void add_real(struct buffer *b, double real)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	buffer_add_text(b, text);
	if (!strpbrk(text, ".e"))
		buffer_add_text(b, ".0");
}

static void add_scalar(struct buffer *b, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY);

	buffer_add_text(b, text ? text : "null");
	free(text);
}

static void add_break(struct buffer *b, int level)
{
	if (level == ONE_LINE)
		return;
	buffer_add_text(b, "\n");
	for (int i = 0; i < level; i++)
		buffer_add_text(b, "  ");
}

static int deeper(int level)
{
	return level == ONE_LINE ? ONE_LINE : level + 1;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The caller frees. */
static const char **sort_keys(const json_t *object)
{
	const char **keys = memory_alloc(json_object_size(object) * sizeof(*keys));
	json_t *mutable = (json_t *)(uintptr_t)object; /* jansson's iterators want it */
	const char *key;
	json_t *value;
	size_t count = 0;

	json_object_foreach(mutable, key, value) keys[count++] = key;
	qsort(keys, count, sizeof(*keys), compare_keys);
	return keys;
}

static void add_key(struct buffer *b, const char *key)
{
	json_t *text = json_string(key);

	add_scalar(b, text);
	json_decref(text);
}

static void add_object(struct buffer *b, const json_t *object, int level)
{
	const char **keys = sort_keys(object);
	size_t count = json_object_size(object);

	buffer_add_text(b, "{");
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(b, i ? "," : "");
		add_break(b, deeper(level));
		add_key(b, keys[i]);
		buffer_add_text(b, level == ONE_LINE ? ":" : ": ");
		add_value(b, json_object_get(object, keys[i]), deeper(level));
	}
	if (count)
		add_break(b, level);
	buffer_add_text(b, "}");
	free(keys);
}

static void add_array(struct buffer *b, const json_t *array, int level)
{
	size_t count = json_array_size(array);

	buffer_add_text(b, "[");
	for (size_t i = 0; i < count; i++) {
		buffer_add_text(b, i ? "," : "");
		add_break(b, deeper(level));
		add_value(b, json_array_get(array, i), deeper(level));
	}
	if (count)
		add_break(b, level);
	buffer_add_text(b, "]");
}

static void add_value(struct buffer *b, const json_t *value, int level)
{
	if (json_is_object(value))
		add_object(b, value, level);
	else if (json_is_array(value))
		add_array(b, value, level);
	else if (json_is_real(value))
		add_real(b, json_real_value(value));
	else
		add_scalar(b, value);
}

void jsontext_add(struct buffer *b, const json_t *value, int level)
{
	add_value(b, value, level);
}

void jsontext_add_line(struct buffer *b, const json_t *value)
{
	add_value(b, value, ONE_LINE);
}

/* A parameter may hold a whole file. */
static void add_start(struct buffer *b, const char *text, size_t size)
{
	size_t shown = 0, characters = 0;

	/* All but the first byte of a character begin with the bits 10. */
	for (; shown < size; shown++)
		if ((text[shown] & 0xc0) != 0x80 && characters++ == PARAM_SHOWN)
			break;
	text_add_visible(b, text, shown);
	buffer_add_text(b, shown < size ? "…" : "");
}

void jsontext_add_params(struct buffer *b, const json_t *params)
{
	const char **keys = sort_keys(params);

	buffer_add(b, "", 0);
	for (size_t i = 0; i < json_object_size(params); i++) {
		const json_t *value = json_object_get(params, keys[i]);

		buffer_add_text(b, i ? " " : "");
		text_add_visible(b, keys[i], strlen(keys[i]));
		buffer_add_text(b, "=");
		if (json_is_string(value))
			add_start(b, json_string_value(value), json_string_length(value));
		else
			jsontext_add_line(b, value);
	}
	free(keys);
}

int jsontext_is_deeper(const json_t *value, int levels)
{
	json_t *mutable = (json_t *)(uintptr_t)value, *inner;
	const char *key;
	size_t i;

	if (!json_is_object(value) && !json_is_array(value))
		return 0;
	if (levels == 0)
		return 1;
	json_object_foreach(mutable, key, inner)
	{
		if (jsontext_is_deeper(inner, levels - 1))
			return 1;
	}
	json_array_foreach(mutable, i, inner)
	{
		if (jsontext_is_deeper(inner, levels - 1))
			return 1;
	}
	return 0;
}

json_t *jsontext_read(int dirfd, const char *path, size_t limit_bytes)
{
	struct diag ignored = {0};
	size_t size = 0;
	char *bytes = file_read(dirfd, path, limit_bytes, &size, &ignored);
	json_t *json =
		bytes ? json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL) : NULL;

	diag_clear(&ignored);
	free(bytes);
	return json;
}
