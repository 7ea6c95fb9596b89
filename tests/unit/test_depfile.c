/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "compiler/depfile.h"

static char folder[] = "/tmp/depfile.XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	struct diag d = {0};

	(void)state;
	return file_remove_tree(AT_FDCWD, folder, &d);
}

/* The text of a depfile for this target and these inputs; the caller frees. */
static char *written(
	const char *target, const char *const *inputs, size_t count, int phony)
{
	char *path = memory_printf("%s/d", folder);
	struct diag d = {0};
	size_t size;
	char *text;

	assert_int_equal(depfile_write(path, target, inputs, count, phony, &d), 0);
	text = file_read(AT_FDCWD, path, 1 << 20, &size, &d);
	assert_non_null(text);
	assert_int_equal(d.count, 0);
	free(path);
	return text;
}

static void writes_a_rule(void **state)
{
	static const char *const inputs[] = {"a.lua", "data/b.csv"};
	char *text = written("units/a/unit.json", inputs, 2, 0);

	(void)state;
	assert_string_equal(text, "units/a/unit.json: \\\n  a.lua \\\n  data/b.csv\n");
	free(text);
}

static void writes_phony_rules(void **state)
{
	static const char *const inputs[] = {"a.lua", "b"};
	char *text = written("t", inputs, 2, 1);

	(void)state;
	assert_string_equal(text, "t: \\\n  a.lua \\\n  b\na.lua:\nb:\n");
	free(text);
}

static void escapes_what_make_reads_otherwise(void **state)
{
	static const char *const inputs[] = {
		"a b", "$x", "c#d", "e\\f", "g\\ h", "i\\#j"};
	char *text = written("my unit", inputs, 6, 0);

	(void)state;
	assert_string_equal(text,
		"my\\ unit: \\\n  a\\ b \\\n  $$x \\\n  c\\#d \\\n  e\\f \\\n  "
		"g\\\\\\ h \\\n  i\\\\\\#j\n");
	free(text);
}

static void says_where_it_cannot_write(void **state)
{
	struct diag d = {0};
	char *path = memory_printf("%s/none/d", folder);

	(void)state;
	assert_int_equal(depfile_write(path, "t", NULL, 0, 0, &d), -1);
	assert_int_equal(d.count, 1);
	assert_non_null(strstr(d.lines[0].text, "none"));
	diag_clear(&d);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_rule),
		cmocka_unit_test(writes_phony_rules),
		cmocka_unit_test(escapes_what_make_reads_otherwise),
		cmocka_unit_test(says_where_it_cannot_write),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
