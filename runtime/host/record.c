/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/memory.h"
#include "common/text.h"
#include "jsontext.h"
#include "runtime/unit.h"

#define TEXT_LIMIT 1024
#define SCRIPTS_LIMIT 1000

static int complain(struct diag *d, const char *key, const char *wanted)
{
	return diag_fail(d, "the guest's record: %s: expected %s", key, wanted);
}

/* Copies a text, cleaned and cut; null where may_be_null. */
static int take_text(
	const json_t *from, json_t *to, const char *key, int may_be_null, struct diag *d)
{
	json_t *v = json_object_get(from, key);
	char *text;

	if (may_be_null && json_is_null(v))
		return json_object_set_new(to, key, json_null());
	if (!json_is_string(v))
		return complain(d, key, may_be_null ? "a text or null" : "a text");
	text = memory_strdup(json_string_value(v));
	if (strlen(text) > TEXT_LIMIT) {
		size_t end = TEXT_LIMIT;

		while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
			end--;
		text[end] = '\0';
	}
	text_clean(text);
	json_object_set_new(to, key, json_string(text));
	free(text);
	return 0;
}

static int take_number(const json_t *from, json_t *to, const char *key, json_int_t most,
	int may_be_null, struct diag *d)
{
	json_t *v = json_object_get(from, key);

	if (may_be_null && json_is_null(v))
		return json_object_set_new(to, key, json_null());
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
		json_integer_value(v) > most)
		return complain(d, key, "a whole number within its range");
	return json_object_set_new(to, key, json_integer(json_integer_value(v)));
}

/* What the record and each of its scripts have in common. */
static int take_outcome(const json_t *from, json_t *to, struct diag *d)
{
	if (take_number(from, to, "exit_status", 255, 1, d) < 0 ||
		take_number(from, to, "signal", 64, 1, d) < 0 ||
		take_number(from, to, "wall_ms", LLONG_MAX, 0, d) < 0 ||
		take_number(from, to, "cpu_ms", LLONG_MAX, 0, d) < 0 ||
		take_number(from, to, "peak_memory_bytes", LLONG_MAX, 0, d) < 0)
		return -1;
	if (!json_is_null(json_object_get(to, "exit_status")) &&
		!json_is_null(json_object_get(to, "signal")))
		return complain(d, "signal", "null where there is an exit status");
	return 0;
}

static int take_scripts(const json_t *from, json_t *to, struct diag *d)
{
	const json_t *list = json_object_get(from, "scripts");
	json_t *scripts = json_array();

	json_object_set_new(to, "scripts", scripts);
	if (!json_is_array(list) || json_array_size(list) > SCRIPTS_LIMIT)
		return complain(d, "scripts", "an array of at most 1000 scripts");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *script = json_array_get(list, i);
		json_t *copy = json_object();

		json_array_append_new(scripts, copy);
		if (!json_is_object(script))
			return complain(d, "scripts", "objects only");
		if (take_text(script, copy, "name", 0, d) < 0 ||
			take_outcome(script, copy, d) < 0)
			return -1;
	}
	return 0;
}

static int is_guest_class(const char *class)
{
	return classify_is_known(class) && strcmp(class, WU_CLASS_PANIC) != 0 &&
	       strcmp(class, WU_CLASS_NO_BOOT) != 0 &&
	       strcmp(class, WU_CLASS_NO_RESULT) != 0 &&
	       strcmp(class, WU_CLASS_INTERRUPTED) != 0;
}

static int number_or_null(const json_t *in, const char *key)
{
	const json_t *v = json_object_get(in, key);

	return json_is_integer(v) ? (int)json_integer_value(v) : -1;
}

static int check_head(const json_t *root, struct diag *d)
{
	const char *format = json_string_value(json_object_get(root, "format"));
	const json_t *version = json_object_get(root, "version");

	if (!format || strcmp(format, WU_RECORD_FORMAT) != 0)
		return complain(d, "format", "\"" WU_RECORD_FORMAT "\"");
	if (!json_is_integer(version) || json_integer_value(version) != WU_RECORD_VERSION)
		return complain(d, "version", "1");
	return 0;
}

/* The class and the way that the scripts ended must not contradict each other. */
static int check_sense(const struct record *r, struct diag *d)
{
	if (!is_guest_class(r->class))
		return complain(d, "class", "one that a guest may give");
	if (strcmp(r->class, WU_CLASS_OK) == 0 && (r->exit_status > 0 || r->signal >= 0))
		return complain(d, "class", "no ok where the last script failed");
	if (strcmp(r->class, WU_CLASS_APP_FAILED) == 0 && r->exit_status <= 0 &&
		r->signal < 0)
		return complain(d, "class", "no app-failed where no script failed");
	return 0;
}

static int take_all(const json_t *root, struct record *r, struct diag *d)
{
	json_object_set_new(r->json, "format", json_string(WU_RECORD_FORMAT));
	json_object_set_new(r->json, "version", json_integer(WU_RECORD_VERSION));
	if (check_head(root, d) < 0 || take_text(root, r->json, "agent", 0, d) < 0 ||
		take_text(root, r->json, "class", 0, d) < 0 ||
		take_text(root, r->json, "reason", 0, d) < 0 ||
		take_text(root, r->json, "script", 1, d) < 0 ||
		take_outcome(root, r->json, d) < 0 || take_scripts(root, r->json, d) < 0)
		return -1;
	r->class = json_string_value(json_object_get(r->json, "class"));
	r->reason = json_string_value(json_object_get(r->json, "reason"));
	r->exit_status = number_or_null(r->json, "exit_status");
	r->signal = number_or_null(r->json, "signal");
	return check_sense(r, d);
}

int record_parse(const char *bytes, size_t size, struct record *r, struct diag *d)
{
	json_error_t error;
	json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
	int rc;

	*r = (struct record){.exit_status = -1, .signal = -1};
	if (!json_is_object(root)) {
		json_decref(root);
		return diag_fail(d, "the guest's record: no JSON object");
	}
	r->json = json_object();
	rc = take_all(root, r, d);
	json_decref(root);
	if (rc < 0)
		record_clear(r);
	return rc;
}

void record_clear(struct record *r)
{
	json_decref(r->json);
	*r = (struct record){.exit_status = -1, .signal = -1};
}

/* The guest's keys where there is no record to take them from. */
static json_t *make_empty(const struct record_context *c)
{
	return json_pack("{s:s, s:i, s:n, s:n, s:n, s:n, s:I, s:I, s:I, s:[]}", "format",
		WU_RECORD_FORMAT, "version", WU_RECORD_VERSION, "agent", "script",
		"exit_status", "signal", "wall_ms", (json_int_t)c->wall_ms, "cpu_ms",
		(json_int_t)0, "peak_memory_bytes", (json_int_t)0, "scripts");
}

static json_t *make_host(const struct record_context *c)
{
	time_t started = (time_t)c->started;
	char stamp[32] = "";
	struct tm tm;

	if (gmtime_r(&started, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "accelerator",
		c->accelerator, "qemu", c->qemu, "name", c->host, "start", c->start,
		"started", stamp, "wall_ms", (json_int_t)c->wall_ms, "boot_ms",
		(json_int_t)c->boot_ms, "limit_ms", (json_int_t)c->limit_ms);
}

json_t *record_make_result(
	const struct record *r, const struct verdict *v, const struct record_context *c)
{
	json_t *result = r && r->json ? json_deep_copy(r->json) : make_empty(c);
	char *reason = text_visible(v->reason);

	json_object_set_new(result, "class", json_string(v->class));
	json_object_set_new(result, "reason", json_string(reason));
	json_object_set_new(result, "id", json_string(c->id));
	json_object_set_new(result, "unit", json_string(c->unit));
	json_object_set_new(result, "key", json_string(c->key));
	json_object_set_new(result, "params", json_deep_copy(c->params));
	json_object_set_new(result, "host", make_host(c));
	if (c->output)
		json_object_set(result, "output", c->output);
	if (c->metrics)
		json_object_set(result, "metrics", c->metrics);
	if (c->metrics_problem)
		json_object_set_new(
			result, "metrics_problem", json_string(c->metrics_problem));
	free(reason);
	return result;
}

char *record_format_result(const json_t *result)
{
	struct buffer b = {0};

	jsontext_add(&b, result, 0);
	buffer_add_text(&b, "\n");
	return b.bytes;
}
