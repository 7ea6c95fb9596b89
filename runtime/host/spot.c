/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/text.h"
#include "runtime/unit.h"

int spot_complain(
	const struct spot *s, const char *key, const char *wanted, const json_t *got)
{
	static const char *const types[] = {[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_STRING] = "a string that it cannot be",
		[JSON_INTEGER] = "a number that it cannot be",
		[JSON_REAL] = "a fraction",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null"};

	return diag_fail(s->d, "%s/" WU_MANIFEST ": %s%s: expected %s, found %s", s->unit,
		s->above, key, wanted, got ? types[json_typeof(got)] : "nothing");
}

int spot_get_number(const struct spot *s, const json_t *in, const char *key,
	uint64_t least, uint64_t most, uint64_t *value)
{
	const json_t *v = json_object_get(in, key);
	char wanted[80];

	if (json_is_integer(v) && json_integer_value(v) >= 0 &&
		(uint64_t)json_integer_value(v) >= least &&
		(uint64_t)json_integer_value(v) <= most) {
		*value = (uint64_t)json_integer_value(v);
		return 0;
	}
	snprintf(wanted, sizeof(wanted), "a whole number from %" PRIu64 " to %" PRIu64,
		least, most);
	return spot_complain(s, key, wanted, v);
}

int spot_get_text(const struct spot *s, const json_t *in, const char *key, size_t limit,
	const char *wanted, const char **text)
{
	const json_t *v = json_object_get(in, key);

	if (!json_is_string(v) || json_string_length(v) > limit ||
		!text_is_printable(json_string_value(v)))
		return spot_complain(s, key, wanted, v);
	*text = json_string_value(v);
	return 0;
}

int spot_get_choice(const struct spot *s, const json_t *in, const char *key,
	const char *one, const char *other, const char **text)
{
	const json_t *v = json_object_get(in, key);
	const char *value = json_string_value(v);
	char wanted[80];

	if (value && (strcmp(value, one) == 0 || strcmp(value, other) == 0)) {
		*text = value;
		return 0;
	}
	snprintf(wanted, sizeof(wanted), "\"%s\" or \"%s\"", one, other);
	return spot_complain(s, key, wanted, v);
}

int spot_get_digest(
	const struct spot *s, const json_t *in, const char *key, const char **text)
{
	const json_t *v = json_object_get(in, key);

	if (!json_is_string(v) || !digest_is_hex(json_string_value(v)))
		return spot_complain(s, key, "a SHA-256 in hex", v);
	*text = json_string_value(v);
	return 0;
}

int spot_get_flag(const struct spot *s, const json_t *in, const char *key, int *value)
{
	const json_t *v = json_object_get(in, key);

	if (v && !json_is_boolean(v))
		return spot_complain(s, key, "true or false", v);
	*value = json_is_true(v);
	return 0;
}

/* A relative path without empty, "." or ".." parts. */
int spot_is_plain_path(const char *path)
{
	if (!*path || strlen(path) > 1024 || !text_is_printable(path))
		return 0;
	for (const char *p = path;; p++) {
		size_t length = strcspn(p, "/");

		if (length == 0 || (length == 1 && p[0] == '.') ||
			(length == 2 && p[0] == '.' && p[1] == '.'))
			return 0;
		p += length;
		if (!*p)
			return 1;
	}
}
