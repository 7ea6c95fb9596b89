/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "runtime/host/classify.h"
#include "runtime/unit.h"

/* What wait() gives for an exit status and for a signal. */
#define EXITED(status) ((status) << 8)
#define SIGNALED(signal) (signal)

static void expect(const struct facts *f, const char *class, const char *reason)
{
	struct verdict v = {0};

	classify_run(f, &v);
	assert_string_equal(v.class, class);
	assert_string_equal(v.reason, reason);
}

static void the_record_decides(void **state)
{
	struct facts f = {.hello = 1, .record_class = "ok", .record_reason = ""};

	(void)state;
	expect(&f, WU_CLASS_OK, "");
	f.record_class = "app-failed";
	f.record_reason = "10-main: exit status 3";
	expect(&f, WU_CLASS_APP_FAILED, "10-main: exit status 3");
	f.record_class = "disk-full";
	f.damage = "output disk: a: bad block";
	expect(&f, WU_CLASS_DISK_FULL, "10-main: exit status 3");
}

static void ok_needs_a_whole_disk(void **state)
{
	const struct facts f = {.hello = 1,
		.record_class = "ok",
		.record_reason = "",
		.damage = "output disk: a: bad block"};

	(void)state;
	expect(&f, WU_CLASS_NO_RESULT, "output disk: a: bad block");
}

/* A panic in the reboot that follows the record takes nothing away from it. */
static void a_record_outlives_what_comes_after(void **state)
{
	struct facts f = {.hello = 1,
		.panicked = 1,
		.panic = "Kernel panic - not syncing: late",
		.stop = STOP_PANIC,
		.record_class = "ok",
		.record_reason = ""};

	(void)state;
	expect(&f, WU_CLASS_OK, "");
	f.stop = STOP_SHUTDOWN;
	expect(&f, WU_CLASS_OK, "");
}

static void our_side_comes_first(void **state)
{
	struct facts f = {.hello = 1,
		.record_class = "ok",
		.record_reason = "",
		.host_failure = "No space left on device"};

	(void)state;
	expect(&f, WU_CLASS_HOST_ERROR, "No space left on device");
	f.interrupted = 1;
	expect(&f, WU_CLASS_INTERRUPTED, "interrupted");
}

static void qemu_must_end_well(void **state)
{
	struct facts f = {.qemu_status = EXITED(1)};

	(void)state;
	expect(&f, WU_CLASS_HOST_ERROR, "QEMU ended with status 1");
	f.qemu_status = SIGNALED(6);
	expect(&f, WU_CLASS_HOST_ERROR, "QEMU was ended by signal 6 (Aborted)");
	/* Where we ended it, its status is our doing. */
	f.qemu_status = SIGNALED(9);
	f.hello = 1;
	f.stop = STOP_TIME;
	expect(&f, WU_CLASS_TIME_LIMIT,
		"the guest did not end its scripts in time; wurun ended it");
}

static void without_a_record(void **state)
{
	struct facts f = {0};

	(void)state;
	expect(&f, WU_CLASS_NO_BOOT, "the guest ended before it said anything");
	f.stop = STOP_BOOT;
	expect(&f, WU_CLASS_NO_BOOT, "the guest said nothing in time");
	f.panicked = 1;
	f.panic = "Kernel panic - not syncing: VFS";
	expect(&f, WU_CLASS_PANIC, "Kernel panic - not syncing: VFS");
	f.panicked_out_of_memory = 1;
	expect(&f, WU_CLASS_OUT_OF_MEMORY, "Kernel panic - not syncing: VFS");
	f = (struct facts){.hello = 1};
	expect(&f, WU_CLASS_NO_RESULT, "the guest ended without a record");
	f.record_problem = "the guest's record: class: expected a text";
	expect(&f, WU_CLASS_NO_RESULT, "the guest's record: class: expected a text");
	f.stop = STOP_SHUTDOWN;
	expect(&f, WU_CLASS_NO_RESULT, "the guest's record: class: expected a text");
}

/* The class's name must not be the record's own bytes: they go away before it does. */
static void the_class_is_its_own(void **state)
{
	char class[] = "ok";
	const struct facts f = {.hello = 1, .record_class = class, .record_reason = ""};
	struct verdict v;

	(void)state;
	classify_run(&f, &v);
	memset(class, 'x', sizeof(class) - 1);
	assert_string_equal(v.class, WU_CLASS_OK);
}

static void exit_statuses(void **state)
{
	(void)state;
	assert_int_equal(classify_exit_status("ok", 0, -1), 0);
	assert_int_equal(classify_exit_status("app-failed", 3, -1), 3);
	assert_int_equal(classify_exit_status("app-failed", -1, 11), 139);
	assert_int_equal(classify_exit_status("out-of-memory", -1, 9), 137);
	assert_int_equal(classify_exit_status("out-of-memory", -1, -1), 1);
	assert_int_equal(classify_exit_status("disk-full", 0, -1), 1);
	assert_int_equal(classify_exit_status("time-limit", -1, 15), 124);
	assert_int_equal(classify_exit_status("panic", -1, -1), 125);
	assert_int_equal(classify_exit_status("no-boot", -1, -1), 125);
	assert_int_equal(classify_exit_status("no-result", -1, -1), 125);
	assert_int_equal(classify_exit_status("host-error", 0, -1), 125);
}

static void host_side_classes(void **state)
{
	static const char *const host[] = {"host-error", "no-boot", "interrupted"};
	static const char *const guest[] = {"ok", "app-failed", "time-limit",
		"out-of-memory", "panic", "no-result", "disk-full"};

	(void)state;
	for (size_t i = 0; i < sizeof(host) / sizeof(*host); i++)
		assert_true(classify_is_host_side(host[i]) && classify_is_known(host[i]));
	for (size_t i = 0; i < sizeof(guest) / sizeof(*guest); i++)
		assert_true(
			!classify_is_host_side(guest[i]) && classify_is_known(guest[i]));
	assert_false(classify_is_known("fine"));
}

/* A guest without an agent that speaks is not missed for its silence. */
static void a_mute_guest_may_leave_no_result(void **state)
{
	struct facts f = {.is_mute = 1};

	(void)state;
	expect(&f, WU_CLASS_NO_RESULT, "the guest ended without a record");
	f.damage = "output disk: its filesystem was not left clean";
	expect(&f, WU_CLASS_NO_RESULT, "output disk: its filesystem was not left clean");
	f.stop = STOP_TIME;
	expect(&f, WU_CLASS_TIME_LIMIT,
		"the guest did not end its scripts in time; wurun ended it");
	f = (struct facts){0};
	expect(&f, WU_CLASS_NO_BOOT, "the guest ended before it said anything");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_record_decides),
		cmocka_unit_test(ok_needs_a_whole_disk),
		cmocka_unit_test(a_record_outlives_what_comes_after),
		cmocka_unit_test(our_side_comes_first),
		cmocka_unit_test(qemu_must_end_well),
		cmocka_unit_test(without_a_record),
		cmocka_unit_test(the_class_is_its_own),
		cmocka_unit_test(exit_statuses),
		cmocka_unit_test(host_side_classes),
		cmocka_unit_test(a_mute_guest_may_leave_no_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
