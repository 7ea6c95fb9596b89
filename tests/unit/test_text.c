/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "runtime/host/console.h"
#include "runtime/host/extract.h"
#include "runtime/host/jsontext.h"

static void visible_text_drives_no_terminal(void **state)
{
	static const struct {
		const char *from, *to;
	} texts[] = {
		{"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\tend",
			"plain \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\tend"},
		{"\x1b[2J", "\\x1b[2J"},
		{"\x7f\r\n", "\\x7f\\x0d\\x0a"},
		{"\xc2\x9b"
		 "2J",
			"\\xc2\\x9b2J"},	     /* C1 */
		{"\xff\xc3", "\\xff\\xc3"},	     /* no UTF-8, cut UTF-8 */
		{"\xc0\xaf", "\\xc0\\xaf"},	     /* overlong */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
		{"a\xe2\x80\xae"
		 "b",
			"a\\xe2\\x80\\xae"
			"b"}, /* turns the text round */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *visible = text_visible(texts[i].from);

		assert_string_equal(visible, texts[i].to);
		free(visible);
	}
}

static void printable_text_is_one_visible_line(void **state)
{
	(void)state;
	assert_true(text_is_printable(""));
	assert_true(text_is_printable("plain \xc3\xa4"));
	assert_false(text_is_printable("a\tb"));
	assert_false(text_is_printable("a\nb"));
	assert_false(text_is_printable("\x7f"));
	assert_false(text_is_printable("\xc2\x9b"));
	assert_false(text_is_printable("\xff"));
}

static void expect_last(const char *text, int lines, const char *wanted)
{
	struct buffer b = {0};

	buffer_add(&b, "", 0);
	text_add_last_lines(&b, text, strlen(text), lines, "> ");
	assert_string_equal(b.bytes, wanted);
	buffer_clear(&b);
}

static void the_last_lines(void **state)
{
	(void)state;
	expect_last("", 3, "");
	expect_last("\n\n", 3, "");
	expect_last("a", 3, "> a\n");
	expect_last("a\nb\nc\n\n", 2, "> b\n> c\n");
	expect_last("a\r\n\x1b[1mb\r\n", 9, "> a\n> \\x1b[1mb\n");
}

static void numbers_are_short(void **state)
{
	json_t *v = json_pack(
		"[f,f,f,f,f,i,b,n,s]", 0.1, 1.7, 1e300, 1.0 / 3, 2.0, 5, 1, "q\"");
	struct buffer b = {0};

	(void)state;
	jsontext_add_line(&b, v);
	assert_string_equal(
		b.bytes, "[0.1,1.7,1e+300,0.3333333333333333,2.0,5,true,null,\"q\\\"\"]");
	buffer_clear(&b);
	json_decref(v);
}

static void depth_is_found(void **state)
{
	json_t *flat = json_pack("{s:i, s:s}", "a", 1, "b", "text");
	json_t *deep = json_pack("{s:i, s:[i, {s:[]}]}", "a", 1, "b", 2, "c");

	(void)state;
	assert_false(jsontext_is_deeper(flat, 1));
	assert_true(jsontext_is_deeper(flat, 0));
	assert_false(jsontext_is_deeper(deep, 4));
	assert_true(jsontext_is_deeper(deep, 3));
	json_decref(flat);
	json_decref(deep);
}

static void a_link_stays_in_its_folder(void **state)
{
	(void)state;
	assert_null(file_link_fault("a", 0));
	assert_null(file_link_fault("./a/b", 0));
	assert_null(file_link_fault("..a", 0));
	assert_null(file_link_fault("../a", 1));
	assert_null(file_link_fault("./../../a", 2));
	assert_null(file_link_fault("..", 1));
	assert_non_null(file_link_fault("", 3));
	assert_non_null(file_link_fault("/etc/passwd", 3));
	assert_non_null(file_link_fault("..", 0));
	assert_non_null(file_link_fault("../../a", 1));
	/* "a" may be a link that leads up: what follows it may not climb. */
	assert_non_null(file_link_fault("a/..", 3));
	assert_non_null(file_link_fault("../a/../b", 3));
	assert_non_null(file_link_fault(".//..", 0));
}

static void feed(struct console *c, const char *text)
{
	/* Panics are found across any parts. */
	for (size_t i = 0; i < strlen(text); i++)
		console_feed(c, text + i, 1);
}

static void a_console_notices_panics(void **state)
{
	struct console c = {0};

	(void)state;
	feed(&c, "[1.0] booting\r\nKernel panic is a word\r\n");
	assert_false(c.panicked);
	feed(&c, "[2.0] Kernel panic - not syncing: Att\x1bmpted\r\nmore\r\n");
	assert_true(c.panicked);
	assert_false(c.out_of_memory);
	assert_string_equal(c.panic, "Kernel panic - not syncing: Att?mpted");
	console_clear(&c);
	feed(&c, "Kernel panic - not syncing: System is deadlocked on memory\n");
	assert_true(c.panicked && c.out_of_memory);
	console_clear(&c);
}

static void a_console_keeps_both_ends(void **state)
{
	struct console c = {0};
	struct buffer b = {0};
	char *flood = malloc(CONSOLE_HEAD_BYTES + 2 * CONSOLE_TAIL_BYTES);

	(void)state;
	memset(flood, 'x', CONSOLE_HEAD_BYTES + 2 * CONSOLE_TAIL_BYTES);
	feed(&c, "the beginning\n");
	console_feed(&c, flood, CONSOLE_HEAD_BYTES + 2 * CONSOLE_TAIL_BYTES);
	feed(&c, "\nthe end\n");
	console_add_last_lines(&c, &b, 1, "");
	assert_string_equal(b.bytes, "the end\n");
	assert_memory_equal(c.head.bytes, "the beginning\n", 14);
	assert_int_equal(c.head.size, CONSOLE_HEAD_BYTES);
	buffer_clear(&b);
	console_clear(&c);
	free(flood);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(visible_text_drives_no_terminal),
		cmocka_unit_test(printable_text_is_one_visible_line),
		cmocka_unit_test(the_last_lines),
		cmocka_unit_test(numbers_are_short),
		cmocka_unit_test(depth_is_found),
		cmocka_unit_test(a_link_stays_in_its_folder),
		cmocka_unit_test(a_console_notices_panics),
		cmocka_unit_test(a_console_keeps_both_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
