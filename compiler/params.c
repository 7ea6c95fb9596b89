/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "place.h"
#include "runtime/unit.h"

/* What the agent takes (docs/guest.md), and Linux of a single variable. */
#define ENVIRONMENT_BYTES 262144
#define PARAMETERS_MAX 4000
#define VARIABLE_BYTES 131072

const char *params_number_text(double x, char text[32])
{
	if (x == 0)
		x = 0; /* no "-0" */
	/* What Lua could hold as an integer reads as one: 100, not 1e+02. */
	if (x > -0x1p63 && x < 0x1p63 && x == (double)(long long)x) {
		snprintf(text, 32, "%.0f", x);
		return text;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, 32, "%.*g", digits, x);
		if (strtod(text, NULL) == x)
			break;
	}
	return text;
}

void params_add_json_string(struct buffer *b, const char *text)
{
	buffer_add(b, "\"", 1);
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buffer_printf(b, "\\%c", *p);
		else if ((unsigned char)*p < 0x20)
			buffer_printf(b, "\\u%04x", *p);
		else
			buffer_add(b, p, 1);
	}
	buffer_add(b, "\"", 1);
}

void params_add_canonical(
	struct buffer *b, const struct sweep *s, const struct value *values)
{
	buffer_add(b, "{", 1);
	for (size_t i = 0; i < s->name_count; i++) {
		buffer_printf(b, "%s\"%s\":", i ? "," : "", s->names[i]);
		if (values[i].type == VALUE_TEXT)
			params_add_json_string(b, values[i].text);
		else
			buffer_add_text(b, values[i].text);
	}
	buffer_add(b, "}", 1);
}

void params_set_id(struct instance *i, const struct sweep *s)
{
	struct buffer b = {0};
	char hex[DIGEST_HEX];

	params_add_canonical(&b, s, i->values);
	digest_of_bytes(b.bytes, b.size, hex);
	buffer_clear(&b);
	memcpy(i->id, hex, WU_ID_DIGITS);
	i->id[WU_ID_DIGITS] = '\0';
}

static void add_lines(
	struct buffer *b, const struct sweep *s, const struct instance *i, char ending)
{
	for (size_t k = 0; k < s->name_count; k++) {
		buffer_printf(b, "%s=%s", s->names[k], i->values[k].text);
		buffer_add(b, &ending, 1);
	}
}

static void add_exports(struct buffer *b, const struct sweep *s, const struct instance *i)
{
	for (size_t k = 0; k < s->name_count; k++) {
		buffer_printf(b, "export " WU_ENVIRONMENT_PREFIX "%s='", s->names[k]);
		for (const char *p = i->values[k].text; *p; p++)
			buffer_add_text(b, *p == '\'' ? "'\\''" : (char[]){*p, '\0'});
		buffer_add_text(b, "'\n");
	}
}

/* Each is a variable of the guest's scripts, "WU_NAME=VALUE" with a NUL. */
static size_t variable_bytes(const struct sweep *s, const struct instance *i, size_t k)
{
	return sizeof(WU_ENVIRONMENT_PREFIX "=") + strlen(s->names[k]) +
	       strlen(i->values[k].text);
}

static int check_instance(const struct sweep *s, const struct instance *i, struct diag *d)
{
	size_t all = 0;

	for (size_t k = 0; k < s->name_count; k++) {
		size_t bytes = variable_bytes(s, i, k);

		if (bytes > VARIABLE_BYTES)
			return place_fail(d, &s->place,
				"%s: expected a value that a guest's environment has "
				"room for (%d bytes with its name), found %zu bytes",
				s->names[k], VARIABLE_BYTES, bytes);
		all += bytes;
	}
	if (all < ENVIRONMENT_BYTES)
		return 0;
	return place_fail(d, &s->place,
		"expected an instance's parameters to be less than %d bytes, as a guest "
		"holds them, found %zu",
		ENVIRONMENT_BYTES, all);
}

int params_check(const struct sweep *s, struct diag *d)
{
	if (s->name_count > PARAMETERS_MAX)
		return place_fail(d, &s->place,
			"expected at most %d parameters, found %zu", PARAMETERS_MAX,
			s->name_count);
	for (size_t i = 0; i < s->instance_count; i++)
		if (check_instance(s, &s->instances[i], d) < 0)
			return -1;
	return 0;
}

void params_render_files(const struct sweep *s, const struct instance *i, struct arena *a,
	struct iso_file files[PARAMS_FILES])
{
	static const char *const names[PARAMS_FILES] = {
		"args", "params.json", "params.sh", "params.txt"};
	struct buffer texts[PARAMS_FILES] = {0};

	add_lines(&texts[0], s, i, '\0');
	params_add_canonical(&texts[1], s, i->values);
	buffer_add(&texts[1], "\n", 1);
	add_exports(&texts[2], s, i);
	add_lines(&texts[3], s, i, '\n');
	for (size_t k = 0; k < PARAMS_FILES; k++) {
		files[k] = (struct iso_file){.name = names[k],
			.bytes = arena_memdup(a, texts[k].bytes, texts[k].size),
			.size = texts[k].size};
		buffer_clear(&texts[k]);
	}
}
