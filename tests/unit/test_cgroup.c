/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "runtime/host/cgroup.h"

#define MIB (1024 * 1024)

static char top[] = "/tmp/test_cgroup.XXXXXX";

static int make_top(void **state)
{
	(void)state;
	strcpy(strrchr(top, '.'), ".XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
	struct diag d = {0};

	(void)state;
	return file_remove_tree(AT_FDCWD, top, &d);
}

static void put(const char *folder, const char *name, const char *text)
{
	char *path = memory_printf("%s/%s", top, folder), *file;
	struct diag d = {0};

	assert_int_equal(file_make_folders(path, &d), 0);
	file = memory_printf("%s/%s", path, name);
	assert_int_equal(file_create(AT_FDCWD, file, text, strlen(text), 0644, &d), 0);
	free(file);
	free(path);
}

static uint64_t look(const char *groups)
{
	char *self = memory_printf("%s/self", top);
	uint64_t left;

	put("", "self", groups);
	left = cgroup_read_available_memory(top, self);
	free(self);
	return left;
}

static void test_version_2_takes_the_least_of_all_above(void **state)
{
	(void)state;
	put("a", "memory.max", "209715200\n");
	put("a", "memory.current", "157286400\n");
	put("a", "memory.stat", "anon 7\nfile 9\ninactive_file 104857600\nkernel 1\n");
	put("a/b", "memory.max", "max\n");
	put("a/b", "memory.current", "1\n");
	assert_int_equal(look("0::/a/b\n"), 150 * MIB);
}

static void test_version_1_beside_others(void **state)
{
	(void)state;
	put("memory/x", "memory.limit_in_bytes", "104857600\n");
	put("memory/x", "memory.usage_in_bytes", "204857600\n");
	put("memory/x", "memory.stat", "total_inactive_file 0\n");
	assert_int_equal(look("9:name=systemd:/\n4:cpu,memory:/x\n0::/\n"), 0);
}

static void test_a_container_sees_its_own_top_only(void **state)
{
	(void)state;
	put("", "memory.max", "10485760\n");
	put("", "memory.current", "0\n");
	assert_int_equal(look("0::/of/the/host\n"), 10 * MIB);
}

static void test_no_limit(void **state)
{
	(void)state;
	assert_true(look("0::/\n1:cpu:/\nnonsense\n") == CGROUP_UNLIMITED);
	assert_true(cgroup_read_available_memory(top, "/no/such") == CGROUP_UNLIMITED);
}

#define in_top(f) cmocka_unit_test_setup_teardown(f, make_top, remove_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_top(test_version_2_takes_the_least_of_all_above),
		in_top(test_version_1_beside_others),
		in_top(test_a_container_sees_its_own_top_only),
		in_top(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
