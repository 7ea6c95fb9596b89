/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/guest/drivers.h"

static int parse(struct drivers *d, const char *file)
{
	size_t size = strlen(file);

	assert_true(size < DRIVERS_BYTES);
	memset(d, 0xff, sizeof(*d));
	memcpy(d->text, file, size);
	return drivers_parse(d, size);
}

/* What these devices, separated by spaces, make it load. */
static void assert_loads(struct drivers *d, const char *devices, const char *expected)
{
	char *copy = strdup(devices), *rest = copy, got[1024] = "";
	const char *path;

	for (char *p = strtok_r(copy, " ", &rest); p; p = strtok_r(NULL, " ", &rest))
		drivers_want(d, p);
	while ((path = drivers_next_module(d))) {
		strcat(got, *got ? " " : "");
		strcat(got, path);
	}
	assert_string_equal(got, expected);
	free(copy);
}

static struct drivers *start(void **state)
{
	return *state;
}

static const char good[] = "# a comment\n"
			   "virtio:d00000008v*\n"
			   "/scsi\n"
			   "/virtio_scsi\n"
			   "\n"
			   "pci:v00008086d00007010sv*sd*bc*sc*i*\n"
			   "# another\n"
			   "pci:v00008086d00007111sv*sd*bc*sc*i*\n"
			   "/scsi\n"
			   "# and another\n"
			   "/libata\n"
			   "/ata_piix\n"
			   "scsi:t-0x05*\n"
			   "/scsi\n"
			   "/cdrom\n"
			   "/sr"; /* without its end */

static void what_is_asked_for_is_loaded_once(void **state)
{
	struct drivers *d = start(state);

	assert_int_equal(parse(d, good), 0);
	assert_int_equal(d->count, 3);
	assert_loads(d, "", "");
	assert_loads(d, "acpi:PNP0F13: virtio:d00000001v00001AF4 virtio:d00000008", "");
	assert_loads(d,
		"pci:v00008086d00007111sv00001AF4sd00001100bc01sc01i80 "
		"pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80",
		"/scsi /libata /ata_piix");
	assert_loads(d, "pci:v00008086d00007111sv00001AF4sd00001100bc01sc01i80", "");
	assert_loads(
		d, "scsi:t-0x05 virtio:d00000008v00001AF4", "/virtio_scsi /cdrom /sr");
	assert_loads(d, "scsi:t-0x05 virtio:d00000008v00001AF4", "");
}

static void an_order_is_kept(void **state)
{
	struct drivers *d = start(state);

	assert_int_equal(parse(d, good), 0);
	drivers_want(d, "scsi:t-0x05");
	assert_string_equal(drivers_next_module(d), "/scsi");
	/* What is asked for meanwhile comes in its turn, without what is loaded. */
	drivers_want(d, "virtio:d00000008v00001AF4");
	assert_loads(d, "", "/virtio_scsi /cdrom /sr");
}

static void patterns_match_as_those_of_the_shell(void **state)
{
	static const struct {
		const char *alias, *device;
		int matches;
	} cases[] = {
		{"a:b", "a:b", 1},
		{"a:b", "a:", 0},
		{"a:b", "a:bc", 0},
		{"a:*", "a:", 1},
		{"a:*", "a:bc", 1},
		{"*:b", "aa:b", 1},
		{"*:b", "aa:bb", 0},
		{"a:v*d*", "a:v1d2", 1},
		{"a:v*d*", "a:v1e2", 0},
		{"a:*12", "a:1112", 1},
		{"a:*1*2*", "a:xx1yy2zz", 1},
		{"a:*1*2*", "a:xx2yy1zz", 0},
		{"a:?", "a:b", 1},
		{"a:?", "a:", 0},
		{"a:?", "a:bb", 0},
		{"usb:i[0-3]p*", "usb:i2p1", 1},
		{"usb:i[0-3]p*", "usb:i4p1", 0},
		{"usb:i[0-35-7a]p", "usb:i6p", 1},
		{"usb:i[0-35-7a]p", "usb:iap", 1},
		{"usb:i[0-35-7a]p", "usb:i4p", 0},
		{"usb:*[12]", "usb:1342", 1},
		{"usb:*[12]", "usb:1343", 0},
		{"usb:[a-]", "usb:-", 1},
		{"usb:[ab", "usb:a", 1}, /* no end: no worse than this */
		{"usb:[ab", "usb:c", 0},
		{"usb:[", "usb:", 0},
		{"a:******************************b", "a:cccccccccccccccccccccccc", 0},
	};
	struct drivers *d = start(state);
	char file[128];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(file, sizeof(file), "%s\n/module\n", cases[i].alias);
		assert_int_equal(parse(d, file), 0);
		drivers_want(d, cases[i].device);
		if (!!drivers_next_module(d) != cases[i].matches)
			fail_msg("%s and %s", cases[i].alias, cases[i].device);
	}
}

static void buses_are_those_of_the_drivers_left(void **state)
{
	struct drivers *d = start(state);

	assert_int_equal(parse(d, good), 0);
	assert_true(drivers_are_on(d, "virtio"));
	assert_true(drivers_are_on(d, "pci"));
	assert_true(drivers_are_on(d, "scsi"));
	assert_false(drivers_are_on(d, "pc"));
	assert_false(drivers_are_on(d, "pci_express"));
	assert_false(drivers_are_on(d, "acpi"));
	assert_loads(d, "scsi:t-0x05", "/scsi /cdrom /sr");
	assert_false(drivers_are_on(d, "scsi"));
	assert_true(drivers_are_on(d, "virtio"));
}

static void odd_files(void **state)
{
	struct drivers *d = start(state);

	assert_int_equal(parse(d, ""), 0);
	assert_int_equal(d->count, 0);
	assert_int_equal(parse(d, "\n#\n\n"), 0);
	assert_int_equal(d->count, 0);
	assert_int_equal(parse(d, "/module\na:b\n"), -1);
	assert_loads(d, "a:b", "");
	/* A driver without modules: the aliases are those of the next. */
	assert_int_equal(parse(d, "a:b\na:c\n/m\n"), 0);
	assert_int_equal(d->count, 1);
	assert_loads(d, "a:b", "/m");
	assert_int_equal(parse(d, "a:b\n"), 0);
	assert_loads(d, "a:b", "");
	assert_int_equal(parse(d, "#a:b\na:c\n/m\n"), 0);
	assert_loads(d, "#a:b a:b", "");
}

static void more_drivers_than_fit(void **state)
{
	struct drivers *d = start(state);
	char file[DRIVERS_BYTES], *end = file;

	for (int i = 0; i < DRIVERS_COUNT; i++)
		end += sprintf(end, "a:%d\n/m%d\n", i, i);
	assert_int_equal(parse(d, file), 0);
	assert_int_equal(d->count, DRIVERS_COUNT);
	strcpy(end, "a:last\n/last\n");
	assert_int_equal(parse(d, file), -1);
	assert_loads(d, "a:63 a:last a:0", "/m0 /m63");
}

static void a_file_of_the_full_size(void **state)
{
	struct drivers *d = start(state);
	char *file = malloc(DRIVERS_BYTES);

	memset(file, 'x', DRIVERS_BYTES);
	memcpy(file, "a:b\n/", 5);
	file[DRIVERS_BYTES - 1] = '\0';
	assert_int_equal(parse(d, file), 0);
	drivers_want(d, "a:b");
	assert_int_equal(strlen(drivers_next_module(d)), DRIVERS_BYTES - 1 - 4);
	assert_null(drivers_next_module(d));
	free(file);
}

static int setup(void **state)
{
	*state = malloc(sizeof(struct drivers));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_asked_for_is_loaded_once),
		TEST(an_order_is_kept),
		TEST(patterns_match_as_those_of_the_shell),
		TEST(buses_are_those_of_the_drivers_left),
		TEST(odd_files),
		TEST(more_drivers_than_fit),
		TEST(a_file_of_the_full_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
