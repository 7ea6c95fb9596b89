/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers of disk images that name other files, byte by byte as the formats have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/file.h"
#include "runtime/host/base_disk.h"

#define OTHER "d: it names another file, which QEMU would open"

static const struct {
	const char *format, *magic;
	struct {
		unsigned at, value;
	} bytes[2];	   /* that follow the magic; 0, 0: none */
	const char *text;  /* at byte 700, or NULL */
	const char *wrong; /* or NULL */
} images[] = {
	{"raw", "QFI\xfb", {{15, 9}}, NULL, NULL},
	{"vdi", "<<< ", {{0}}, NULL, NULL},
	{"qcow2", "QFI\xfb", {{7, 3}}, NULL, NULL},
	{"qcow2", "QFI\xfb", {{7, 3}, {15, 1}}, NULL, OTHER},
	{"qcow2", "QFI\xfb", {{7, 3}, {8, 1}}, NULL, OTHER},
	{"qcow2", "QFI\xfb", {{7, 3}, {79, 4}}, NULL, OTHER},
	{"qcow2", "QFI\xfb", {{7, 3}, {79, 1}}, NULL, NULL},
	/* The second version has no features: there stand other things. */
	{"qcow2", "QFI\xfb", {{7, 2}, {79, 4}}, NULL, NULL},
	{"qcow2", "KDMV", {{0}}, NULL, "d: no qcow2 image of one file"},
	{"qcow", "QFI\xfb", {{7, 1}, {12, 1}}, NULL, OTHER},
	{"qed", "QED", {{16, 2}}, NULL, NULL},
	{"qed", "QED", {{16, 1}}, NULL, OTHER},
	{"vmdk", "KDMV", {{12, 8}}, NULL, NULL},
	{"vmdk", "KDMV", {{0}}, NULL, OTHER},
	{"vmdk", "KDMV", {{12, 8}}, "parentFileNameHint=\"/etc/passwd\"", OTHER},
	{"vmdk", "# Disk DescriptorFile", {{0}}, NULL, "d: no vmdk image of one file"},
};

static void images_that_name_other_files_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(images) / sizeof(*images); i++) {
		int fd = memfd_create("image", MFD_CLOEXEC);
		unsigned char bytes[1024] = {0};
		struct diag d = {0};

		memcpy(bytes, images[i].magic, strlen(images[i].magic));
		for (int n = 0; n < 2; n++)
			if (images[i].bytes[n].at)
				bytes[images[i].bytes[n].at] =
					(unsigned char)images[i].bytes[n].value;
		if (images[i].text)
			memcpy(bytes + 700, images[i].text, strlen(images[i].text));
		assert_int_equal(file_write(fd, bytes, sizeof(bytes)), 0);
		assert_int_equal(base_disk_check(fd, images[i].format, "d", &d),
			images[i].wrong ? -1 : 0);
		assert_int_equal(d.count, images[i].wrong != NULL);
		if (images[i].wrong)
			assert_string_equal(d.lines[0].text, images[i].wrong);
		diag_clear(&d);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_that_name_other_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
