/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/memory.h"
#include "runtime/host/port.h"

/* What was told, as text: "hello(wuguest) stdout(abc) …". */
static void write_down(void *context, const struct port_message *m)
{
	static const char *const names[] = {
		[PORT_HELLO] = "hello",
		[PORT_READY] = "ready",
		[PORT_STARTED] = "started",
		[PORT_STDOUT] = "stdout",
		[PORT_STDERR] = "stderr",
		[PORT_PROGRESS] = "progress",
		[PORT_HEARTBEAT] = "heartbeat",
		[PORT_EXITED] = "exited",
		[PORT_DONE] = "done",
		[PORT_ERROR] = "error",
	};
	struct buffer *told = context;

	buffer_printf(told, "%s(", names[m->kind]);
	if (m->kind == PORT_PROGRESS)
		buffer_printf(told, "%.3f ", m->fraction);
	buffer_add_text(told, m->text);
	buffer_add(told, m->bytes, m->size);
	buffer_add_text(told, ") ");
}

static int feed(const char *bytes, size_t size, size_t step, const char *wanted)
{
	struct buffer told = {0};
	struct port p = {.tell = write_down, .context = &told};

	buffer_add(&told, "", 0);
	for (size_t i = 0; i < size; i += step)
		port_feed(&p, bytes + i, size - i < step ? size - i : step);
	assert_string_equal(told.bytes, wanted);
	buffer_clear(&told);
	return p.broken;
}

static void a_whole_conversation(void **state)
{
	static const char said[] = "hello 1 wuguest-0.1.0\nready\nstarted 10-main\n"
				   "stdout 6\na\nb\n\ncheartbeat 3\n"
				   "progress 0.25 quarter way\nstderr 0\n"
				   "exited 10-main status 0\nerror no space\ndone ok\n";

	(void)state;
	assert_false(feed(said, strlen(said), sizeof(said),
		"hello(wuguest-0.1.0) ready() started(10-main) stdout(a\nb\n\nc) "
		"heartbeat(3) progress(0.250 quarter way) exited(10-main) "
		"error(no space) done(ok) "));
}

static void any_parts_give_the_same(void **state)
{
	static const char said[] = "hello 1 w\nstderr 3\nxyzheartbeat 7\ndone ok\n";

	(void)state;
	assert_false(feed(said, strlen(said), strlen(said),
		"hello(w) stderr(xyz) heartbeat(7) done(ok) "));
	assert_false(feed(said, strlen(said), 1,
		"hello(w) stderr(x) stderr(y) stderr(z) heartbeat(7) done(ok) "));
}

static void unknown_words_are_passed_over(void **state)
{
	static const char said[] = "greetings 5\nready\nhellotoo\ndone ok\n";

	(void)state;
	assert_false(feed(said, strlen(said), 100, "ready() done(ok) "));
}

static void control_bytes_do_not_get_through(void **state)
{
	static const char said[] = "error a\x1b[2Jb\xff\n";

	(void)state;
	assert_false(feed(said, strlen(said), 100, "error(a?[2Jb?) "));
}

static void progress_is_a_fraction(void **state)
{
	static const char said[] = "progress 0.5\nprogress 1 all\nprogress 7.25 more\n";

	(void)state;
	assert_false(feed(said, strlen(said), 100,
		"progress(0.500 ) progress(1.000 all) progress(1.000 more) "));
}

static void nonsense_ends_the_conversation(void **state)
{
	static const char *const said[] = {"hello 2 w\nready\n", "hello\nready\n",
		"hello x\nready\n", "stdout\nready\n", "stdout -1\nready\n",
		"stdout 65537\nready\n", "stdout 1 2\nready\n", "stdout 1x\nready\n",
		"stdout 9999999999999999999999\nready\n", "stderr x\nready\n",
		"progress\nready\n", "progress nan\nready\n", "progress -1\nready\n",
		"progress 0.5x\nready\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
		assert_true(feed(said[i], strlen(said[i]), 3, ""));
	assert_true(feed("done ok\0no\nready\n", 17, 100, ""));
}

static void lines_have_a_limit(void **state)
{
	static char said[PORT_LINE_LIMIT + 16];

	(void)state;
	memset(said, 'x', sizeof(said));
	memcpy(said + sizeof(said) - 7, "\nready\n", 7);
	assert_true(feed(said, sizeof(said), 100, ""));
	assert_false(feed(said + 100, sizeof(said) - 100, 100, "ready() "));
}

static void the_largest_payload_passes(void **state)
{
	static char said[PORT_PAYLOAD_LIMIT + 64];
	struct buffer told = {0};
	struct port p = {.tell = write_down, .context = &told};
	int head = sprintf(said, "stdout %d\n", PORT_PAYLOAD_LIMIT);

	(void)state;
	memset(said + head, 'y', PORT_PAYLOAD_LIMIT);
	memcpy(said + head + PORT_PAYLOAD_LIMIT, "done ok\n", 8);
	port_feed(&p, said, (size_t)head + PORT_PAYLOAD_LIMIT + 8);
	assert_false(p.broken);
	assert_int_equal(told.size, PORT_PAYLOAD_LIMIT + strlen("stdout() done(ok) "));
	buffer_clear(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_conversation),
		cmocka_unit_test(any_parts_give_the_same),
		cmocka_unit_test(unknown_words_are_passed_over),
		cmocka_unit_test(control_bytes_do_not_get_through),
		cmocka_unit_test(progress_is_a_fraction),
		cmocka_unit_test(nonsense_ends_the_conversation),
		cmocka_unit_test(lines_have_a_limit),
		cmocka_unit_test(the_largest_payload_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
