/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/quantity.h"

#define K ((uint64_t)1024)
#define HOUR ((uint64_t)3600 * 1000)

static void reads_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{"0", 0},
		{"512", 512},
		{"16M", 16 * K * K},
		{"16m", 16 * K * K},
		{"16MiB", 16 * K * K},
		{"1.5G", 3 * K * K * K / 2},
		{".5K", 512},
		{"4T", 4 * K * K * K * K},
		{"4194304T", (uint64_t)1 << 62},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t bytes = 1;

		assert_int_equal(quantity_parse_size(cases[i].text, &bytes), 0);
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void refuses_what_is_no_size(void **state)
{
	static const char *const texts[] = {"", "M", "-1", "+1", " 1", "1 ", "1 M", "1B",
		"1MB", "1X", "0x10", "1e6", "inf", "nan", ".", "1..5", "1,5G", "4194305T",
		"99999999999999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint64_t bytes = 7;

		assert_int_equal(quantity_parse_size(texts[i], &bytes), -1);
		assert_int_equal(bytes, 7);
	}
}

static void reads_times(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} cases[] = {
		{"0", 0},
		{"90", 90000},
		{"1.5", 1500},
		{"500ms", 500},
		{"0.3s", 300},
		{"2m", 120000},
		{"1h30m", HOUR + HOUR / 2},
		{"1m30", 90000},
		{"1d", 24 * HOUR},
		{"3650d", 3650 * 24 * HOUR},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t ms = 1;

		assert_int_equal(quantity_parse_time(cases[i].text, &ms), 0);
		assert_int_equal(ms, cases[i].ms);
	}
}

static void refuses_what_is_no_time(void **state)
{
	static const char *const texts[] = {"", "m", "-1", "2 m", "1y", "1M", "1h30x",
		"1hm", "3651d", "1e3", "inf", "2mm", "1:30"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint64_t ms = 7;

		assert_int_equal(quantity_parse_time(texts[i], &ms), -1);
		assert_int_equal(ms, 7);
	}
}

static void writes_sizes(void **state)
{
	char text[QUANTITY_TEXT];

	(void)state;
	assert_string_equal(quantity_format_size(0, text), "0 B");
	assert_string_equal(quantity_format_size(1023, text), "1023 B");
	assert_string_equal(quantity_format_size(1024, text), "1.0 KiB");
	assert_string_equal(quantity_format_size(16 * K * K, text), "16.0 MiB");
	assert_string_equal(quantity_format_size(UINT64_MAX, text), "16.0 EiB");
}

static void writes_times(void **state)
{
	char text[QUANTITY_TEXT];

	(void)state;
	assert_string_equal(quantity_format_time(0, text), "0.00 s");
	assert_string_equal(quantity_format_time(280, text), "0.28 s");
	assert_string_equal(quantity_format_time(9994, text), "9.99 s");
	assert_string_equal(quantity_format_time(12340, text), "12.3 s");
	assert_string_equal(quantity_format_time(59949, text), "59.9 s");
	assert_string_equal(quantity_format_time(59950, text), "1m00s");
	assert_string_equal(quantity_format_time(185000, text), "3m05s");
	assert_string_equal(quantity_format_time(2 * HOUR + 600000, text), "2h10m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(refuses_what_is_no_size),
		cmocka_unit_test(reads_times),
		cmocka_unit_test(refuses_what_is_no_time),
		cmocka_unit_test(writes_sizes),
		cmocka_unit_test(writes_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
