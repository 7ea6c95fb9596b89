/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control port's messages as the guest reads them: in any parts, from hosts that
 * break off anywhere, and from those that make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/guest/session.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

struct fixture {
	struct session session;
	struct message message;
	int host;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	f->session.fd = ends[0];
	f->session.signals = -1;
	f->host = ends[1];
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->session.fd);
	if (f->host >= 0)
		close(f->host);
	free(f);
	return 0;
}

static void say(struct fixture *f, const void *bytes, size_t size)
{
	assert_int_equal(write(f->host, bytes, size), (ssize_t)size);
}

static void expect(struct fixture *f, const char *word, const char *bytes)
{
	assert_int_equal(session_next(&f->session, &f->message), 0);
	assert_string_equal(f->message.word, word);
	assert_int_equal(f->message.size, strlen(bytes));
	assert_string_equal(f->message.bytes, bytes);
}

static void test_messages_one_after_the_other(void **state)
{
	static const char bytes[] = "argument 2\nls\n\nargument 0\nexec 4\nuser";
	struct fixture *f = *state;

	say(f, bytes, sizeof(bytes) - 1);
	expect(f, "argument", "ls");
	expect(f, "argument", "");
	expect(f, "exec", "user");
}

static void test_the_largest_message(void **state)
{
	struct fixture *f = *state;
	char bytes[WU_CONTROL_CHUNK];

	memset(bytes, '\n', sizeof(bytes));
	say(f, "data 16384\n", 11);
	say(f, bytes, sizeof(bytes));
	say(f, "end 0\n", 6);
	assert_int_equal(session_next(&f->session, &f->message), 0);
	assert_int_equal(f->message.size, WU_CONTROL_CHUNK);
	assert_memory_equal(f->message.bytes, bytes, sizeof(bytes));
	expect(f, "end", "");
}

static void test_what_makes_no_sense_is_passed_over(void **state)
{
	static const char bytes[] = "data 16385\ndata -1\ndata\n 5\nx\0y 3\n"
				    "averylongwordthatisnone 1\ndata 1 2\n"
				    "open 1 0123\nopen 2 " TOKEN "\nend 0\n";
	struct fixture *f = *state;
	char *line = malloc(100000);

	say(f, bytes, sizeof(bytes) - 1);
	expect(f, "end", "");
	/* A line without an end fills no memory but ours. */
	memset(line, 'x', 100000);
	say(f, line, 100000);
	free(line);
	say(f, "\nend 0\n", 7);
	expect(f, "end", "");
}

static void test_open_ends_the_connection_before(void **state)
{
	struct fixture *f = *state;
	char newlines[WU_CONTROL_CHUNK];

	memset(newlines, '\n', sizeof(newlines));
	/* the host broke off within a message */
	say(f, "data 16000\nabc", 14);
	say(f, newlines, sizeof(newlines));
	say(f, "open 1 " TOKEN "\n", 8 + WU_CONTROL_TOKEN);
	assert_int_equal(session_next(&f->session, &f->message), 0);
	assert_string_equal(f->message.word, "data");
	assert_int_equal(session_next(&f->session, &f->message), -1);
	assert_string_equal(f->session.token, TOKEN);
	assert_int_equal(f->session.in_size, 0);
}

static void test_a_host_that_goes_ends_it(void **state)
{
	struct fixture *f = *state;

	say(f, "argument 9\nabc", 14);
	close(f->host);
	f->host = -1;
	assert_int_equal(session_next(&f->session, &f->message), -1);
	assert_int_equal(session_send(&f->session, "end", "", 0), -1);
}

static void test_users(void **state)
{
	static const struct user user = {.id = 7};
	static const struct manner manner = {.user = &user};
	struct fixture *f = *state;
	const char *rest;

	f->session.manner = &manner;
	strcpy(f->message.bytes, "user /a b");
	assert_ptr_equal(session_user(&f->session, &f->message, &rest), &user);
	assert_string_equal(rest, "/a b");
	strcpy(f->message.bytes, "root");
	assert_int_equal(session_user(&f->session, &f->message, &rest)->id, 0);
	assert_string_equal(rest, "");
	strcpy(f->message.bytes, "rooted x");
	assert_null(session_user(&f->session, &f->message, &rest));
}

/* After any bytes a host that fills up the message that may have begun is understood. */
static void test_noise(void **state)
{
	static const char alphabet[] = "open 1 \n\n0123456789 data\0argument end";
	struct fixture *f = *state;
	char newlines[WU_CONTROL_CHUNK];
	uint32_t random = 1;

	memset(newlines, '\n', sizeof(newlines));
	for (int i = 0; i < 2000; i++) {
		char bytes[200];

		for (size_t at = 0; at < sizeof(bytes); at++) {
			random = random * 1664525 + 1013904223;
			bytes[at] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
		}
		say(f, bytes, sizeof(bytes));
		session_look(&f->session);
		say(f, newlines, sizeof(newlines));
		say(f, "finish 0\n", 9);
		do
			f->session.is_over = 0;
		while (session_next(&f->session, &f->message) < 0 ||
			strcmp(f->message.word, "finish") != 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_messages_one_after_the_other),
		TEST(test_the_largest_message),
		TEST(test_what_makes_no_sense_is_passed_over),
		TEST(test_open_ends_the_connection_before),
		TEST(test_a_host_that_goes_ends_it),
		TEST(test_users),
		TEST(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
