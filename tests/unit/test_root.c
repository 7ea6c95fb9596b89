/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a base's key is made of is what its root disk holds, whatever happens to the
 * host's files in between. */
#include "scratch.h"

#include <errno.h>

#include "compiler/root.h"
#include "runtime/unit.h"

struct lab {
	struct scratch *scratch;
	struct base_plan plan;
	const struct base_plan *plans[1];
	struct chain chain;
	struct base_options options;
	struct root root;
	struct arena arena;
	struct diag diag;
};

static int setup(void **state)
{
	struct lab *l = memory_alloc(sizeof(*l));

	scratch_setup(state);
	l->scratch = *state;
	setenv("XDG_CACHE_HOME", l->scratch->path, 1);
	scratch_text(l->scratch, "lab.lua", "");
	scratch_folder(l->scratch, "tree");
	scratch_folder(l->scratch, "tree/bin");
	scratch_text(l->scratch, "tree/bin/sh", "shell");
	scratch_folder(l->scratch, "data");
	scratch_text(l->scratch, "data/a", "original");
	l->plan = (struct base_plan){
		.name = "lab",
		.root = ROOT_ITEMS,
		.recipe_path = memory_printf("%s/lab.lua", l->scratch->path),
		.place = {"lab.lua", 1, "base"},
	};
	l->plans[0] = &l->plan;
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lab *l = *state;
	void *scratch = l->scratch;

	root_close(&l->root);
	arena_clear(&l->arena);
	diag_clear(&l->diag);
	free((char *)(uintptr_t)l->plan.recipe_path);
	free(l);
	return scratch_teardown(&scratch);
}

/* Opens a root disk of one folder or archive, with data/ placed on it. */
static void open_root(struct lab *l, const char *source)
{
	static const struct item data = {.source = "data",
		.dest = "data",
		.mode = -1,
		.place = {"lab.lua", 2, "files.data"}};
	struct item *content = arena_alloc(&l->arena, sizeof(*content));

	*content = (struct item){.source = source,
		.dest = "",
		.mode = -1,
		.place = {"lab.lua", 1, "root[1]"}};
	l->plan.contents = (struct items){.list = content, .count = 1};
	l->plan.files = (struct items){.list = &data, .count = 1};
	l->chain = (struct chain){.plans = l->plans, .count = 1, .boot = l->plan};
	root_close(&l->root);
	if (root_open(&l->root, &l->chain, NULL, &l->options, &l->arena, &l->diag) < 0)
		fail_msg("root_open: %s", l->diag.count ? l->diag.lines[0].text : "");
}

static int write_root(struct lab *l)
{
	struct buffer guest = {0};
	int rc = root_write(&l->root, l->scratch->fd, &guest, &l->diag);

	buffer_clear(&guest);
	return rc;
}

static void expect_written(struct lab *l)
{
	if (write_root(l) < 0)
		fail_msg("root_write: %s", l->diag.count ? l->diag.lines[0].text : "");
	assert_int_equal(unlinkat(l->scratch->fd, "root.img", 0), 0);
}

static void expect_refused(struct lab *l, const char *line)
{
	assert_int_equal(write_root(l), -1);
	scratch_expect_lines(&l->diag, 1, &line);
	(void)!unlinkat(l->scratch->fd, "root.img", 0);
}

static void rename_in(struct lab *l, const char *from, const char *to)
{
	assert_int_equal(renameat(l->scratch->fd, from, l->scratch->fd, to), 0);
}

static void test_files(void **state)
{
	struct lab *l = *state;
	struct scratch *s = l->scratch;

	open_root(l, "tree");
	expect_written(l);
	scratch_text(s, "data/a", "changed!");
	expect_refused(
		l, "lab.lua:2: files.data: data/a: changed while the base was built");

	/* Another folder takes the place of the one that was digested. */
	open_root(l, "tree");
	scratch_folder(s, "other");
	scratch_text(s, "other/a", "changed!");
	rename_in(l, "data", "mine");
	rename_in(l, "other", "data");
	expect_refused(
		l, "lab.lua:2: files.data: data/a: changed while the base was built");
	rename_in(l, "data", "other");
	rename_in(l, "mine", "data");
	expect_written(l);

	/* What has no contents shows in the new list. */
	scratch_folder(s, "data/empty");
	expect_refused(l, "lab.lua:1: base: its folders or files: changed while the base "
			  "was built");
	open_root(l, "tree");
	assert_int_equal(unlinkat(s->fd, "data/a", 0), 0);
	expect_refused(l, "lab.lua:1: base: its folders or files: changed while the base "
			  "was built");
}

static void test_archive(void **state)
{
	struct lab *l = *state;
	struct buffer output = {0};

	scratch_must_run(l->scratch, &output, "tar", "-C", "tree", "-cf", "x.tar", "bin");
	scratch_text(l->scratch, "tree/bin/sh", "SHELL");
	scratch_must_run(l->scratch, &output, "tar", "-C", "tree", "-cf", "y.tar", "bin");
	open_root(l, "x.tar");
	expect_written(l);
	rename_in(l, "x.tar", "kept.tar");
	rename_in(l, "y.tar", "x.tar");
	expect_refused(l, "lab.lua:1: root[1]: x.tar: changed while the base was built");
	buffer_clear(&output);
}

/* After a wait it is the files as they are then that count. */
static void test_look_again(void **state)
{
	struct lab *l = *state;
	struct buffer before = {0}, after = {0};

	open_root(l, "tree");
	root_add_key(&l->root, &before);
	assert_int_equal(root_look_again(&l->root, &l->diag), 0);
	root_add_key(&l->root, &after);
	assert_string_equal(before.bytes, after.bytes);
	scratch_text(l->scratch, "data/a", "changed!");
	assert_int_equal(root_look_again(&l->root, &l->diag), 0);
	buffer_clear(&after);
	root_add_key(&l->root, &after);
	assert_string_not_equal(before.bytes, after.bytes);
	expect_written(l);
	buffer_clear(&before);
	buffer_clear(&after);
}

/* 0 where the file system has no files of that size. */
static int make_large(const struct scratch *s, off_t size)
{
	int fd = openat(s->fd, "tree/large", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int rc;

	assert_true(fd >= 0);
	rc = ftruncate(fd, size);
	if (rc < 0)
		assert_int_equal(errno, EFBIG);
	close(fd);
	return rc == 0;
}

/* A member of 1 TiB, of which the tar has a byte: its digest would take an hour. */
static void test_holes(void **state)
{
	struct lab *l = *state;
	struct buffer output = {0};

	if (!make_large(l->scratch, 1LL << 40)) {
		print_message("lacks a file system with files of 1 TiB\n");
		skip();
	}
	alarm(60);
	scratch_must_run(l->scratch, &output, "tar", "-C", "tree", "-cSf", "x.tar", ".");
	open_root(l, "x.tar");
	expect_written(l);
	alarm(0);
	buffer_clear(&output);
}

/* The agent takes no more. */
static void test_environment(void **state)
{
	struct lab *l = *state;
	struct oci_config *c = &l->root.image.config;
	const char *list[WU_GUEST_BASE_VARIABLES + 1];
	char *large = memory_alloc(WU_GUEST_BASE_BYTES);

	for (size_t i = 0; i <= WU_GUEST_BASE_VARIABLES; i++)
		list[i] = "V=x";
	open_root(l, "tree");
	c->environment = list;
	c->environment_count = WU_GUEST_BASE_VARIABLES;
	expect_written(l);
	c->environment_count++;
	expect_refused(l,
		"lab.lua:1: base: expected an image with at most 512 variables in "
		"its environment, found 513");
	memset(large, 'x', WU_GUEST_BASE_BYTES - 19);
	large[1] = '=';
	list[0] = large;
	c->environment_count = 1; /* with the first line, "root", a byte less than all */
	expect_written(l);
	large[WU_GUEST_BASE_BYTES - 19] = 'x';
	expect_refused(l,
		"lab.lua:1: base: expected an image whose environment, user and "
		"folder take less than 65536 bytes, as a guest's /etc/base has "
		"them, found 65536");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_archive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_holes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
