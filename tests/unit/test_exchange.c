/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QEMU that is a socket: what it is told, and what it answers, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/memory.h"
#include "runtime/host/exchange.h"

struct fixture {
	int ends[2]; /* ours, QEMU's */
	struct exchange x;
};

static int set_up(void **state)
{
	struct fixture *f = memory_alloc(sizeof(*f));

	*state = f;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->ends);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->ends[0]);
	close(f->ends[1]);
	free(f);
	return 0;
}

/* The command that QEMU has got, as text with sorted keys; "" where there is none. */
static void expect(struct fixture *f, const char *wanted)
{
	char line[4096];
	ssize_t n = read(f->ends[1], line, sizeof(line));
	json_t *json = n > 0 ? json_loadb(line, (size_t)n, 0, NULL) : NULL;
	char *text = json ? json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT)
			  : memory_strdup("");

	assert_string_equal(text, wanted);
	free(text);
	json_decref(json);
}

static int answer(struct fixture *f)
{
	const struct qmp_message m = {.kind = QMP_RETURN};

	return exchange_hear(&f->x, f->ends[0], &m);
}

static int tell_event(struct fixture *f, const char *name, const char *device)
{
	json_t *data = json_pack("{s:s}", "device", device);
	const struct qmp_message m = {.kind = QMP_EVENT, .text = name, .data = data};
	int rc = exchange_hear(&f->x, f->ends[0], &m);

	json_decref(data);
	return rc;
}

/* Takes out; the disk is gone before (1) or after (0) its command is answered. */
static void take_out(struct fixture *f, int early, const char *disk, const char *cd)
{
	char *remove_disk = memory_printf(
		"{\"arguments\":{\"fdset-id\":%s},\"execute\":\"remove-fd\"}", disk);
	char *remove_cd = memory_printf(
		"{\"arguments\":{\"fdset-id\":%s},\"execute\":\"remove-fd\"}", cd);

	expect(f, "{\"arguments\":{\"id\":\"output\"},\"execute\":\"device_del\"}");
	if (early)
		assert_int_equal(tell_event(f, "DEVICE_DELETED", "output"), 0);
	assert_int_equal(tell_event(f, "DEVICE_DELETED", "other"), 0);
	expect(f, "");
	assert_int_equal(answer(f), 0);
	if (!early) {
		expect(f, "");
		assert_int_equal(tell_event(f, "DEVICE_DELETED", "output"), 0);
	}
	expect(f,
		"{\"arguments\":{\"node-name\":\"output\"},\"execute\":\"blockdev-del\"}");
	assert_int_equal(answer(f), 0);
	expect(f, remove_disk);
	assert_int_equal(answer(f), 0);
	expect(f, "{\"arguments\":{\"force\":true,\"id\":\"cd\"},"
		  "\"execute\":\"blockdev-open-tray\"}");
	assert_int_equal(tell_event(f, "DEVICE_TRAY_MOVED", "cd"), 0);
	assert_int_equal(answer(f), 0);
	expect(f,
		"{\"arguments\":{\"id\":\"cd\"},\"execute\":\"blockdev-remove-medium\"}");
	assert_int_equal(answer(f), 0);
	expect(f,
		"{\"arguments\":{\"node-name\":\"params\"},\"execute\":\"blockdev-del\"}");
	assert_int_equal(answer(f), 0);
	expect(f, remove_cd);
	assert_int_equal(f->x.state, EXCHANGE_TAKES_OUT);
	assert_int_equal(answer(f), 0);
	assert_int_equal(f->x.state, EXCHANGE_IS_OUT);
	expect(f, "");
	free(remove_disk);
	free(remove_cd);
}

static void open_monitor(struct fixture *f)
{
	expect(f, "{\"execute\":\"qmp_capabilities\"}");
	assert_int_equal(answer(f), 0);
}

static void put_in(struct fixture *f)
{
	int disk = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(exchange_put_in(&f->x, f->ends[0], disk, disk), 0);
	expect(f, "{\"arguments\":{\"fdset-id\":1000},\"execute\":\"add-fd\"}");
	assert_int_equal(answer(f), 0);
	expect(f, "{\"arguments\":{\"cache\":{\"no-flush\":true},\"discard\":\"unmap\","
		  "\"driver\":\"raw\",\"file\":{\"driver\":\"file\","
		  "\"filename\":\"/dev/fdset/1000\",\"locking\":\"off\"},"
		  "\"node-name\":\"output\",\"read-only\":false},"
		  "\"execute\":\"blockdev-add\"}");
	for (int n = 0; n < 5; n++) {
		char skipped[4096];

		assert_int_equal(answer(f), 0);
		assert_true(read(f->ends[1], skipped, sizeof(skipped)) > 0);
	}
	assert_int_equal(f->x.state, EXCHANGE_PUTS_IN);
	assert_int_equal(answer(f), 0);
	assert_int_equal(f->x.state, EXCHANGE_IS_IN);
	close(disk);
}

static void disks_go_out_and_in_and_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(exchange_take_out(&f->x, f->ends[0], 11, 12), 0);
	open_monitor(f);
	take_out(f, 1, "11", "12");
	put_in(f);
	assert_int_equal(exchange_take_out(&f->x, f->ends[0], 11, 12), 0);
	take_out(f, 0, "1000", "1001");
}

static void an_error_ends_it(void **state)
{
	struct fixture *f = *state;
	const struct qmp_message error = {.kind = QMP_ERROR, .text = "busy"};

	assert_int_equal(exchange_hear(&f->x, f->ends[0], &error), 0);
	assert_int_equal(exchange_take_out(&f->x, f->ends[0], 11, 12), 0);
	open_monitor(f);
	assert_int_equal(exchange_hear(&f->x, f->ends[0], &error), -1);
	assert_int_not_equal(f->x.state, EXCHANGE_IS_OUT);
}

static void a_monitor_that_is_gone_takes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(shutdown(f->ends[1], SHUT_RDWR), 0);
	assert_int_equal(exchange_take_out(&f->x, f->ends[0], 11, 12), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			disks_go_out_and_in_and_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_monitor_that_is_gone_takes_nothing, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
