/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "runtime/host/record.h"

static const char good[] =
	"{\"format\":\"workunit-result\",\"version\":1,\"agent\":\"wuguest 0.1.0\","
	"\"class\":\"app-failed\",\"reason\":\"10-main: exit status 3\","
	"\"script\":\"10-main\",\"exit_status\":3,\"signal\":null,\"wall_ms\":12,"
	"\"cpu_ms\":8,\"peak_memory_bytes\":1769472,\"scripts\":[{\"name\":\"10-main\","
	"\"exit_status\":3,\"signal\":null,\"wall_ms\":12,\"cpu_ms\":8,"
	"\"peak_memory_bytes\":1769472}]}";

static char *change(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	assert_non_null(at);
	return memory_printf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void reads_a_good_one(void **state)
{
	struct record r;
	struct diag d = {0};

	(void)state;
	assert_int_equal(record_parse(good, strlen(good), &r, &d), 0);
	assert_string_equal(r.class, "app-failed");
	assert_string_equal(r.reason, "10-main: exit status 3");
	assert_int_equal(r.exit_status, 3);
	assert_int_equal(r.signal, -1);
	record_clear(&r);
}

#define R "the guest's record: "

static const struct {
	const char *from, *to, *message;
} bad[] = {
	{"workunit-result", "workunit", R "format: expected \"workunit-result\""},
	{"\"version\":1", "\"version\":2", R "version: expected 1"},
	{"\"wuguest 0.1.0\"", "null", R "agent: expected a text"},
	{"\"app-failed\"", "\"fine\"", R "class: expected one that a guest may give"},
	{"\"app-failed\"", "\"panic\"", R "class: expected one that a guest may give"},
	{"\"app-failed\"", "\"interrupted\"",
		R "class: expected one that a guest may give"},
	{"\"app-failed\"", "\"ok\"",
		R "class: expected no ok where the last script failed"},
	{"\"exit_status\":3", "\"exit_status\":0",
		R "class: expected no app-failed where no script failed"},
	{"\"exit_status\":3", "\"exit_status\":256",
		R "exit_status: expected a whole number within its range"},
	{"\"exit_status\":3", "\"exit_status\":-1",
		R "exit_status: expected a whole number within its range"},
	{"\"signal\":null", "\"signal\":9",
		R "signal: expected null where there is an exit status"},
	{"\"signal\":null", "\"signal\":\"KILL\"",
		R "signal: expected a whole number within its range"},
	{"\"wall_ms\":12", "\"wall_ms\":1.5",
		R "wall_ms: expected a whole number within its range"},
	{"\"wall_ms\":12,", "", R "wall_ms: expected a whole number within its range"},
	{"\"cpu_ms\":8", "\"cpu_ms\":-8",
		R "cpu_ms: expected a whole number within its range"},
	{"\"script\":\"10-main\"", "\"script\":7", R "script: expected a text or null"},
	{"\"scripts\":[", "\"scripts\":[7,", R "scripts: expected objects only"},
	{"\"name\":\"10-main\",", "", R "name: expected a text"},
	{"\"scripts\":[", "\"scripts\":{},\"x\":[",
		R "scripts: expected an array of at most 1000 scripts"},
	{"{\"format\"", "[\"format\"", R "no JSON object"},
	{"\"version\":1", "\"version\":1,\"version\":1", R "no JSON object"},
	{"wuguest", "w\xff", R "no JSON object"},
};

static void refuses_bad_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char *text = change(bad[i].from, bad[i].to);
		struct record r;
		struct diag d = {0};

		assert_int_equal(record_parse(text, strlen(text), &r, &d), -1);
		assert_null(r.json);
		assert_string_equal(d.lines[0].text, bad[i].message);
		diag_clear(&d);
		free(text);
	}
}

static void refuses_every_beginning(void **state)
{
	(void)state;
	for (size_t size = 0; size < strlen(good); size++) {
		struct record r;
		struct diag d = {0};

		assert_int_equal(record_parse(good, size, &r, &d), -1);
		diag_clear(&d);
	}
}

static void cleans_texts(void **state)
{
	char *text = change("10-main: exit status 3", "a\\u001b[2J\\u0007\\u009bb\\nc");
	struct record r;
	struct diag d = {0};

	(void)state;
	assert_int_equal(record_parse(text, strlen(text), &r, &d), 0);
	assert_string_equal(r.reason, "a?[2J???b?c");
	record_clear(&r);
	free(text);
}

static void cuts_texts_at_a_character(void **state)
{
	char long_text[3001], *text;
	struct record r;
	struct diag d = {0};

	(void)state;
	long_text[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(long_text); i += 2)
		memcpy(long_text + i, "\xc3\xa4", 2);
	long_text[2999] = '\0';
	text = change("10-main: exit status 3", long_text);
	assert_int_equal(record_parse(text, strlen(text), &r, &d), 0);
	assert_int_equal(strlen(r.reason), 1023);
	record_clear(&r);
	free(text);
}

static char *format(const struct record *r, const char *class)
{
	json_t *params =
		json_pack("{s:f, s:f, s:s}", "beta", 0.45, "n", 2.0, "who", "a b");
	struct verdict v = {.class = class, .reason = "why"};
	const struct record_context c = {.id = "0123456789ab",
		.unit = "sir",
		.key = "k",
		.params = params,
		.accelerator = "tcg",
		.qemu = "7.2.22",
		.start = "cold",
		.host = "h",
		.wall_ms = 100,
		.started = 0};
	json_t *result = record_make_result(r, &v, &c);
	char *text = record_format_result(result);

	json_decref(result);
	json_decref(params);
	return text;
}

static void a_result_without_a_record_has_all_keys(void **state)
{
	static const char *const keys[] = {"agent", "class", "cpu_ms", "exit_status",
		"format", "host", "id", "key", "params", "peak_memory_bytes", "reason",
		"script", "scripts", "signal", "unit", "version", "wall_ms"};
	char *text = format(NULL, "no-boot");
	json_t *result = json_loads(text, 0, NULL);

	(void)state;
	assert_int_equal(json_object_size(result), sizeof(keys) / sizeof(*keys));
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_non_null(json_object_get(result, keys[i]));
	assert_string_equal(
		json_string_value(json_object_get(result, "class")), "no-boot");
	json_decref(result);
	free(text);
}

/* The guest's words stand, but the class is ours. */
static void a_result_is_written_the_readable_way(void **state)
{
	struct record r;
	struct diag d = {0};
	char *text;

	(void)state;
	assert_int_equal(record_parse(good, strlen(good), &r, &d), 0);
	text = format(&r, "no-result");
	assert_non_null(strstr(text, "\n  \"class\": \"no-result\",\n"));
	assert_non_null(strstr(text, "\n  \"exit_status\": 3,\n"));
	assert_non_null(strstr(text, "\n    \"beta\": 0.45,\n    \"n\": 2.0,\n"));
	assert_non_null(strstr(text, "\"started\": \"1970-01-01T00:00:00Z\""));
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	record_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_good_one),
		cmocka_unit_test(refuses_bad_ones),
		cmocka_unit_test(refuses_every_beginning),
		cmocka_unit_test(cleans_texts),
		cmocka_unit_test(cuts_texts_at_a_character),
		cmocka_unit_test(a_result_without_a_record_has_all_keys),
		cmocka_unit_test(a_result_is_written_the_readable_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
