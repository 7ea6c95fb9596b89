/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanned.h"

#include "compiler/stream.h"

#define ITEM(kind_, source_, dest_)                                                      \
	{                                                                                \
		.kind = (kind_), .source = (source_), .dest = (dest_), .mode = -1,       \
		.place = {                                                               \
			"r.lua",                                                         \
			4,                                                               \
			"app[1]"                                                         \
		}                                                                        \
	}

#define EXPECT_SCAN(text, ...)                                                           \
	do {                                                                             \
		const struct item list_[] = {__VA_ARGS__};                               \
		scanned_expect(s, list_, sizeof(list_) / sizeof(list_[0]), text);        \
	} while (0)

static void expect_failure(
	struct scratch *s, const struct item *list, size_t count, const char *text)
{
	struct buffer b = {0};
	struct tree t;
	struct diag d = {0};

	assert_int_equal(scanned_tree(s, &t, list, count, &d), -1);
	for (size_t i = 0; i < d.count; i++)
		buffer_printf(&b, "%s%s", i ? "\n" : "", d.lines[i].text);
	buffer_add(&b, "", 0);
	assert_string_equal(b.bytes, text);
	buffer_clear(&b);
	diag_clear(&d);
	tree_clear(&t);
}

#define EXPECT_FAILURE(text, ...)                                                        \
	do {                                                                             \
		const struct item list_[] = {__VA_ARGS__};                               \
		expect_failure(s, list_, sizeof(list_) / sizeof(list_[0]), text);        \
	} while (0)

static void make_project(struct scratch *s)
{
	scratch_text(s, "tool", "#!/bin/sh\n");
	assert_int_equal(fchmodat(s->fd, "tool", 0710, 0), 0);
	scratch_folder(s, "data");
	scratch_text(s, "data/x.csv", "1\n");
	scratch_text(s, "data/y.csv", "22\n");
	scratch_text(s, "data/.hidden", "");
	assert_int_equal(fchmodat(s->fd, "data/x.csv", 0600, 0), 0);
	scratch_folder(s, "data/deep");
	scratch_text(s, "data/deep/z", "333\n");
	assert_int_equal(symlinkat("../y.csv", s->fd, "data/deep/link"), 0);
}

static void test_paths(void **state)
{
	struct scratch *s = *state;

	make_project(s);
	EXPECT_SCAN("d0755 app\nf0755 app/tool 10\n", ITEM(ITEM_PATH, "tool", NULL));
	EXPECT_SCAN("d0755 app\nd0755 app/bin\nf0755 app/bin/t 10\n",
		ITEM(ITEM_PATH, "./tool", "bin/t"));
	EXPECT_SCAN("d0755 app\nd0755 app/data\nf0644 app/data/.hidden 0\n"
		    "d0755 app/data/deep\nl0777 app/data/deep/link -> ../y.csv\n"
		    "f0644 app/data/deep/z 4\nf0644 app/data/x.csv 2\n"
		    "f0644 app/data/y.csv 3\n",
		ITEM(ITEM_PATH, "data/", NULL));
	EXPECT_SCAN("d0755 app\nl0777 app/link -> ../y.csv\nf0644 app/z 4\n",
		ITEM(ITEM_PATH, "data/deep", ""));
	EXPECT_SCAN(
		"d0755 app\nd0755 app/in\nf0644 app/in/x.csv 2\nf0644 app/in/y.csv 3\n",
		ITEM(ITEM_PATH, "data/*.csv", "in"));
	EXPECT_SCAN("d0755 app\nd0755 app/deep\nl0777 app/deep/link -> ../y.csv\n"
		    "f0644 app/deep/z 4\nf0644 app/x.csv 2\nf0644 app/y.csv 3\n",
		ITEM(ITEM_PATH, "d?ta/*", NULL));
	EXPECT_SCAN(
		"d0755 app\nf0644 app/z 4\n", ITEM(ITEM_PATH, "*/[c-e]*/[!l]*", NULL));
	/* A link that is named is followed. */
	EXPECT_SCAN(
		"d0755 app\nf0644 app/link 3\n", ITEM(ITEM_PATH, "data/deep/link", NULL));
	/* A name that looks like a pattern is first of all a name. */
	scratch_text(s, "a[1]", "x");
	EXPECT_SCAN("d0755 app\nf0644 app/a[1] 1\n", ITEM(ITEM_PATH, "a[1]", NULL));
}

static void test_made(void **state)
{
	struct scratch *s = *state;
	struct item text = ITEM(ITEM_TEXT, "a\0b", "t");
	struct item script = ITEM(ITEM_TEXT, "#!/bin/sh\n", "s");
	struct item secret = ITEM(ITEM_TEXT, "x", "secret");

	text.source_size = 3;
	script.source_size = 10;
	secret.source_size = 1;
	secret.mode = 0600;
	EXPECT_SCAN("d0755 app\nd0755 app/empty\n=0600 app/k = app/secret\n"
		    "l0777 app/l -> /input/x\n=0644 app/m = app/t\n=0644 app/n = app/t\n"
		    "f0755 app/s 10\nf0600 app/secret 1\nf0644 app/t 3\n",
		ITEM(ITEM_HARDLINK, "m", "n"), ITEM(ITEM_HARDLINK, "t", "m"),
		ITEM(ITEM_HARDLINK, "secret", "k"), text, script, secret,
		ITEM(ITEM_FOLDER, NULL, "empty"), ITEM(ITEM_SYMLINK, "/input/x", "l"));
}

static void test_modes(void **state)
{
	struct scratch *s = *state;
	struct item item = ITEM(ITEM_PATH, "data", NULL);
	struct item folder = ITEM(ITEM_FOLDER, NULL, "data");
	struct scan_options o = {.folder = s->path, .keep_special_modes = 1};
	struct items items = {.list = &item, .count = 1};
	struct tree t;
	struct diag d = {0};

	scratch_folder(s, "data");
	scratch_text(s, "data/su", "x");
	assert_int_equal(fchmodat(s->fd, "data/su", 04711, 0), 0);
	EXPECT_SCAN("d0755 app\nd0755 app/data\nf0755 app/data/su 1\n", item);
	tree_init(&t, 0);
	assert_int_equal(scan_items(&t, "", &items, &o, &d), 0);
	scanned_expect_tree(&t, "d0755 data\nf4755 data/su 1\n");
	tree_clear(&t);
	item.mode = 0640;
	folder.mode = 0700;
	/* What is said of the folder itself counts, before or after. */
	EXPECT_SCAN("d0755 app\nd0700 app/data\nf0640 app/data/su 1\n", item, folder);
	EXPECT_SCAN("d0755 app\nd0700 app/data\nf0640 app/data/su 1\n", folder, item);
	item.mode = 04755;
	EXPECT_FAILURE(
		"r.lua:4: app[1]: expected a mode without set-id bits, found 4755", item);
}

static void test_missing(void **state)
{
	struct scratch *s = *state;

	make_project(s);
	EXPECT_FAILURE(
		"r.lua:4: app[1]: expected a file, folder or pattern, found nothing at "
		"data/z.csv (did you mean data/x.csv?)\n"
		"r.lua:4: app[1]: expected a file, folder or pattern, found nothing at "
		"dta/x.csv (did you mean data/x.csv?)\n"
		"r.lua:4: app[1]: expected a file, folder or pattern, found nothing at "
		"nowhere\n"
		"r.lua:4: app[1]: expected a file, folder or pattern, found nothing that "
		"matches *.txt\n"
		"r.lua:4: app[1]: expected a file, folder or pattern, found nothing at "
		"tool/x\n"
		"r.lua:4: app[1]: expected an archive, found nothing at x.tar\n"
		"r.lua:4: app[1]: expected a file of this disk to link to, found nothing "
		"at gone",
		ITEM(ITEM_PATH, "data/z.csv", NULL), ITEM(ITEM_PATH, "dta/x.csv", NULL),
		ITEM(ITEM_PATH, "nowhere", NULL), ITEM(ITEM_PATH, "*.txt", NULL),
		ITEM(ITEM_HARDLINK, "gone", "n"), ITEM(ITEM_PATH, "tool/x", NULL),
		ITEM(ITEM_PATH, "tool", NULL), ITEM(ITEM_ARCHIVE, "x.tar", NULL));
	EXPECT_FAILURE("r.lua:4: app[1]: expected a folder for the top of app, found the "
		       "file tool",
		ITEM(ITEM_PATH, "tool", ""));
}

static void test_outside(void **state)
{
	struct scratch *s = *state;
	struct item item = ITEM(ITEM_PATH, NULL, "f");
	struct scan_options o = {.allowed_count = 1};
	struct items items = {.list = &item, .count = 1};
	struct arena a = {0};
	const char *allowed = arena_printf(&a, "%s/more", s->path);
	struct tree t;
	struct diag d = {0};
	static const char *const good[] = {"../more/f", "link/f", "in"};

	scratch_folder(s, "project");
	scratch_text(s, "project/in", "x");
	scratch_folder(s, "more");
	scratch_text(s, "more/f", "y");
	scratch_folder(s, "morex");
	scratch_text(s, "morex/f", "y");
	assert_int_equal(symlinkat("../more", s->fd, "project/link"), 0);
	assert_int_equal(symlinkat("/etc/passwd", s->fd, "project/passwd"), 0);
	o.folder = arena_printf(&a, "%s/project", s->path);
	for (int i = 0; i < 5; i++) {
		static const char *const bad[] = {
			"/etc/passwd", "../more/f", "link/f", "passwd", "/etc/pass*"};

		tree_init(&t, 0);
		o.allowed_count = 0;
		item.source = bad[i];
		assert_int_equal(scan_items(&t, "app", &items, &o, &d), -1);
		for (size_t j = 0; j < d.count; j++)
			assert_non_null(strstr(d.lines[j].text,
				i == 4 ? "expected a folder below the recipe's folder, "
					 "found /etc "
				       : "expected a file below the recipe's folder, found "));
		if (i == 0)
			assert_string_equal(d.lines[0].text,
				"r.lua:4: app[1]: expected a file below the recipe's "
				"folder, found /etc/passwd (allow its folder with "
				"--allow)");
		diag_clear(&d);
		tree_clear(&t);
	}
	o.allowed = &allowed;
	for (int i = 0; i < 3; i++) {
		tree_init(&t, 0);
		o.allowed_count = 1;
		item.source = good[i];
		assert_int_equal(scan_items(&t, "app", &items, &o, &d), 0);
		tree_clear(&t);
	}
	tree_init(&t, 0);
	item.source = "../morex/f";
	assert_int_equal(scan_items(&t, "app", &items, &o, &d), -1);
	diag_clear(&d);
	/* What lies outside is not told by way of advice. */
	item.source = "/etc/passwx";
	assert_int_equal(scan_items(&t, "app", &items, &o, &d), -1);
	scratch_expect(&d,
		"r.lua:4: app[1]: expected a file, folder or pattern, found nothing at "
		"/etc/passwx");
	tree_clear(&t);
	arena_clear(&a);
}

static void test_special(void **state)
{
	struct scratch *s = *state;

	make_project(s);
	assert_int_equal(mkfifoat(s->fd, "data/pipe", 0644), 0);
	assert_int_equal(symlinkat("nowhere", s->fd, "dangling"), 0);
	EXPECT_FAILURE(
		"r.lua:4: app[1]: expected files, folders and links, found a named "
		"pipe at data/pipe\n"
		"r.lua:4: app[1]: expected a file, folder or pattern, found a named "
		"pipe at data/pipe\n"
		"r.lua:4: app[1]: expected a file, folder or pattern, found a link "
		"to nothing at dangling",
		ITEM(ITEM_PATH, "data", NULL), ITEM(ITEM_PATH, "data/pipe", NULL),
		ITEM(ITEM_PATH, "dangling", NULL));
}

static void test_unreadable(void **state)
{
	struct scratch *s = *state;
	struct item file = ITEM(ITEM_PATH, "data/x.csv", NULL);
	struct tree t;
	struct diag d = {0};
	int root = geteuid() == 0;

	make_project(s);
	assert_int_equal(fchmodat(s->fd, "data/x.csv", 0, 0), 0);
	assert_int_equal(fchmodat(s->fd, "data/deep", 0, 0), 0);
	assert_int_equal(fchmod(s->fd, 0755), 0);
	if (root) /* who may read everything */
		assert_int_equal(seteuid(65534), 0);
	EXPECT_FAILURE("r.lua:4: app[1]: data/deep: Permission denied",
		ITEM(ITEM_PATH, "data", NULL));
	/* A file is opened when its contents are wanted. */
	assert_int_equal(scanned_tree(s, &t, &file, 1, &d), 0);
	assert_int_equal(stream_files(&t, &(struct stream_options){0}, NULL, &d), -1);
	scratch_expect(&d, "r.lua:4: app[1]: data/x.csv: Permission denied");
	tree_clear(&t);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(fchmodat(s->fd, "data/deep", 0755, 0), 0);
}

static void test_hard_links(void **state)
{
	struct scratch *s = *state;

	scratch_folder(s, "d");
	scratch_text(s, "d/b", "x");
	assert_int_equal(linkat(s->fd, "d/b", s->fd, "d/a", 0), 0);
	assert_int_equal(linkat(s->fd, "d/b", s->fd, "d/c", 0), 0);
	EXPECT_SCAN("d0755 app\nd0755 app/d\nf0644 app/d/a 1\n=0644 app/d/b = app/d/a\n"
		    "=0644 app/d/c = app/d/a\n",
		ITEM(ITEM_PATH, "d", NULL));
	/* One file named twice is two, whatever other names it has. */
	EXPECT_SCAN("d0755 app\nf0644 app/x 1\nf0644 app/y 1\n",
		ITEM(ITEM_PATH, "d/a", "x"), ITEM(ITEM_PATH, "d/a", "y"));
}

static void test_conflict(void **state)
{
	struct scratch *s = *state;

	make_project(s);
	EXPECT_FAILURE("r.lua:4: app[1]: expected a new name, found app/x.csv already "
		       "there (from r.lua:4: app[1])",
		ITEM(ITEM_PATH, "data/x.csv", NULL),
		ITEM(ITEM_PATH, "data/y.csv", "x.csv"));
}

static void test_inputs(void **state)
{
	struct scratch *s = *state;
	const struct item list[] = {ITEM(ITEM_PATH, "data/*.csv", "in"),
		ITEM(ITEM_PATH, "./data//deep/", NULL), ITEM(ITEM_PATH, "tool", NULL)};
	static const char *const inputs[] = {
		"data", "data/deep", "data/deep/z", "data/x.csv", "data/y.csv", "tool"};
	struct arena a = {0};
	struct tree t;
	struct diag d = {0};

	make_project(s);
	assert_int_equal(scanned_tree(s, &t, list, 3, &d), 0);
	assert_int_equal(t.input_count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(
			t.inputs[i], arena_printf(&a, "%s/%s", s->path, inputs[i]));
	tree_clear(&t);
	arena_clear(&a);
}

#define WITH_FOLDER(test)                                                                \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_paths),
		WITH_FOLDER(test_made),
		WITH_FOLDER(test_modes),
		WITH_FOLDER(test_missing),
		WITH_FOLDER(test_outside),
		WITH_FOLDER(test_special),
		WITH_FOLDER(test_unreadable),
		WITH_FOLDER(test_hard_links),
		WITH_FOLDER(test_conflict),
		WITH_FOLDER(test_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
