/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/params.h"

static const char *const names[] = {"beta", "flag", "word"};
static const struct sweep sweep = {.names = names, .name_count = 3};
static const struct value values[] = {
	{VALUE_NUMBER, "1.7"},
	{VALUE_BOOLEAN, "true"},
	{VALUE_TEXT, "it's \"a\\b\" \xc3\xa9"},
};

static void writes_the_shortest_number(void **state)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {
		{0.0, "0"},
		{-0.0, "0"},
		{1, "1"},
		{-1, "-1"},
		{100, "100"},
		{1e15, "1000000000000000"},
		{9007199254740992.0, "9007199254740992"},
		{1e19, "1e+19"},
		{0.1, "0.1"},
		{0.30000000000000004, "0.30000000000000004"},
		{1.7, "1.7"},
		{-2.5e-7, "-2.5e-07"},
		{DBL_MAX, "1.7976931348623157e+308"},
		{DBL_MIN, "2.2250738585072014e-308"},
		{DBL_TRUE_MIN, "5e-324"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[32];

		assert_string_equal(
			params_number_text(cases[i].number, text), cases[i].text);
	}
}

/* Any double's text reads back as it, and is a number in JSON. */
static void every_number_reads_back(void **state)
{
	uint64_t bits = 0x9e3779b97f4a7c15;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[32];
		double x;

		bits = bits * 6364136223846793005 + 1442695040888963407;
		memcpy(&x, &bits, sizeof(x));
		if (!isfinite(x))
			continue;
		params_number_text(x, text);
		assert_true(strtod(text, NULL) == x);
		assert_int_equal(strspn(text, "0123456789+-.e"), strlen(text));
		assert_null(strstr(text, ".e"));
		assert_true(strlen(text) < 32);
	}
}

static void canonical_form_is_json(void **state)
{
	static const struct sweep none = {0};
	struct buffer b = {0};

	(void)state;
	params_add_canonical(&b, &sweep, values);
	assert_string_equal(b.bytes,
		"{\"beta\":1.7,\"flag\":true,\"word\":\"it's \\\"a\\\\b\\\" \xc3\xa9\"}");
	buffer_clear(&b);
	params_add_canonical(&b, &none, NULL);
	assert_string_equal(b.bytes, "{}");
	buffer_clear(&b);
	params_add_json_string(&b, "\x01\x1f\x7f/\n");
	assert_string_equal(b.bytes, "\"\\u0001\\u001f\x7f/\\u000a\"");
	buffer_clear(&b);
}

/* docs/unit-format.md names this one. */
static void id_of_no_parameters(void **state)
{
	static const struct sweep none = {0};
	struct instance i = {.values = NULL};

	(void)state;
	params_set_id(&i, &none);
	assert_string_equal(i.id, "44136fa355b3");
}

static void renders_the_files_of_a_cd(void **state)
{
	static const char args[] = "beta=1.7\0flag=true\0word=it's \"a\\b\" \xc3\xa9";
	static const char *const expected[PARAMS_FILES][2] = {
		{"args", args},
		{"params.json", "{\"beta\":1.7,\"flag\":true,"
				"\"word\":\"it's \\\"a\\\\b\\\" \xc3\xa9\"}\n"},
		{"params.sh", "export WU_beta='1.7'\nexport WU_flag='true'\n"
			      "export WU_word='it'\\''s \"a\\b\" \xc3\xa9'\n"},
		{"params.txt", "beta=1.7\nflag=true\nword=it's \"a\\b\" \xc3\xa9\n"},
	};
	const struct instance instance = {.values = values};
	struct iso_file files[PARAMS_FILES];
	struct arena a = {0};

	(void)state;
	params_render_files(&sweep, &instance, &a, files);
	for (size_t i = 0; i < PARAMS_FILES; i++) {
		size_t size = i == 0 ? sizeof(args) : strlen(expected[i][1]);

		assert_string_equal(files[i].name, expected[i][0]);
		assert_int_equal(files[i].size, size);
		assert_memory_equal(files[i].bytes, expected[i][1], size);
	}
	arena_clear(&a);
}

static void renders_empty_files_for_no_parameters(void **state)
{
	static const struct sweep none = {0};
	const struct instance instance = {.values = NULL};
	struct iso_file files[PARAMS_FILES];
	struct arena a = {0};

	(void)state;
	params_render_files(&none, &instance, &a, files);
	assert_int_equal(files[0].size, 0);
	assert_int_equal(files[1].size, 3);
	assert_memory_equal(files[1].bytes, "{}\n", 3);
	assert_int_equal(files[2].size, 0);
	assert_int_equal(files[3].size, 0);
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_shortest_number),
		cmocka_unit_test(every_number_reads_back),
		cmocka_unit_test(canonical_form_is_json),
		cmocka_unit_test(id_of_no_parameters),
		cmocka_unit_test(renders_the_files_of_a_cd),
		cmocka_unit_test(renders_empty_files_for_no_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
