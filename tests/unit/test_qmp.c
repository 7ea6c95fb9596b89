/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/host/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"
#define ERROR                                                                            \
	"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n"
#define EVENT                                                                            \
	"{\"timestamp\": {}, \"event\": \"MIGRATION\", \"data\": {\"status\": "          \
	"\"active\"}}\r\n"

/* What was told, as text: "return event(RESUME) …". */
static void write_down(void *context, const struct qmp_message *m)
{
	static const char *const names[] = {
		[QMP_GREETING] = "greeting",
		[QMP_RETURN] = "return",
		[QMP_ERROR] = "error",
		[QMP_EVENT] = "event",
	};
	const char *status = json_string_value(json_object_get(m->data, "status"));

	buffer_add_text(context, names[m->kind]);
	if (m->text)
		buffer_printf(context, "(%s%s%s)", m->text, status ? " " : "",
			status ? status : "");
	buffer_add_text(context, " ");
}

static int feed(const char *text, size_t step, const char *wanted)
{
	struct buffer told = {0};
	struct qmp q = {.tell = write_down, .context = &told};
	size_t size = strlen(text);
	int broken;

	buffer_add(&told, "", 0);
	for (size_t i = 0; i < size; i += step)
		qmp_feed(&q, text + i, size - i < step ? size - i : step);
	assert_string_equal(told.bytes, wanted);
	broken = q.broken;
	qmp_clear(&q);
	buffer_clear(&told);
	return broken;
}

static void messages_are_taken_apart(void **state)
{
	static const char all[] =
		GREETING "{\"return\": {}}\r\n" EVENT ERROR "{\"event\": \"RESUME\"}\r\n";
	static const char wanted[] = "greeting return event(MIGRATION active) "
				     "error(no such thing) event(RESUME) ";
	(void)state;

	assert_int_equal(feed(all, sizeof(all), wanted), 0);
	assert_int_equal(feed(all, 1, wanted), 0);
	assert_int_equal(feed(all, 7, wanted), 0);
	assert_int_equal(feed("{\"event\": \"RESUME\"}", 100, ""), 0);
}

static void what_is_no_message_ends_it(void **state)
{
	static const char *const bad[] = {"nonsense\n", "[]\n", "{}\n", "7\n", "\n",
		"{\"error\": {}}\n", "{\"error\": \"text\"}\n", "{\"event\": 5}\n",
		"{\"return\": {}\n"};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[256] = "";

		strcat(text, bad[i]);
		strcat(text, "{\"return\": {}}\n");
		assert_int_equal(feed(text, sizeof(text), ""), 1);
	}
}

static void lines_have_a_limit(void **state)
{
	char *line = memory_alloc(QMP_LINE_LIMIT + 32);
	(void)state;

	memset(line, ' ', QMP_LINE_LIMIT);
	strcpy(line + QMP_LINE_LIMIT - 15, "{\"return\": {}}\n");
	assert_int_equal(feed(line, 4096, "return "), 0);
	memset(line, ' ', QMP_LINE_LIMIT);
	strcpy(line + QMP_LINE_LIMIT - 14, "{\"return\": {}}\n");
	assert_int_equal(feed(line, 4096, ""), 1);
	free(line);
}

static ssize_t receive(int fd, char *bytes, size_t room, int *passed)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = {bytes, room - 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	*passed = -1;
	if (c)
		memcpy(passed, CMSG_DATA(c), sizeof(*passed));
	bytes[n < 0 ? 0 : n] = '\0';
	return n;
}

static void commands_are_lines(void **state)
{
	char line[256];
	int ends[2], passed, null = open("/dev/null", O_RDONLY);
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(qmp_send(ends[0], "quit", NULL, -1), 0);
	assert_true(receive(ends[1], line, sizeof(line), &passed) > 0);
	assert_string_equal(line, "{\"execute\":\"quit\"}\n");
	assert_int_equal(passed, -1);
	assert_int_equal(
		qmp_send(ends[0], "getfd", json_pack("{s:s}", "fdname", "a"), null), 0);
	assert_true(receive(ends[1], line, sizeof(line), &passed) > 0);
	assert_string_equal(
		line, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"a\"}}\n");
	assert_true(passed >= 0);
	close(passed);
	close(ends[1]);
	assert_int_equal(qmp_send(ends[0], "quit", NULL, -1), -1);
	close(ends[0]);
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_taken_apart),
		cmocka_unit_test(what_is_no_message_ends_it),
		cmocka_unit_test(lines_have_a_limit),
		cmocka_unit_test(commands_are_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
