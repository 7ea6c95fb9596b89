/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <time.h>

#include "compiler/stream.h"
#include "compiler/tree.h"

static const struct place first = {"r.lua", 4, "app[1]"};
static const struct place second = {"r.lua", 5, "app[2]"};

static void test_paths(void **state)
{
	struct tree t;
	struct diag d = {0};
	struct node *n;

	(void)state;
	tree_init(&t, 7);
	n = tree_add_text(&t, "app/bin/tool", "x", 1, 0755, &first, &d);
	assert_non_null(n);
	assert_int_equal(n->mtime, 7);
	assert_ptr_equal(tree_find(&t, "app/bin/tool"), n);
	assert_null(tree_find(&t, "app/bin/too"));
	assert_null(tree_find(&t, "app/bin/tool/x"));
	assert_ptr_equal(tree_find(&t, ""), t.root);
	assert_int_equal(tree_find(&t, "app/bin")->implied, 1);
	assert_string_equal(tree_path(n, &t.arena), "app/bin/tool");
	tree_clear(&t);
}

static void test_bad_paths(void **state)
{
	static const char *const bad[] = {"/a", "a//b", "a/", "a/../b", "..", ".", "a/."};
	struct tree t;
	struct diag d = {0};
	char name[300] = {0};

	(void)state;
	tree_init(&t, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(tree_add(&t, bad[i], NODE_FILE, 0644, &first, &d));
		assert_int_equal(d.count, 1);
		assert_non_null(
			strstr(d.lines[0].text, "r.lua:4: app[1]: expected a relative"));
		diag_clear(&d);
	}
	memset(name, 'n', 255);
	assert_non_null(tree_add(&t, name, NODE_FILE, 0644, &first, &d));
	memset(name, 'n', 256);
	assert_null(tree_add(&t, name, NODE_FILE, 0644, &first, &d));
	assert_int_equal(d.count, 1);
	diag_clear(&d);
	tree_clear(&t);
}

static void test_conflicts(void **state)
{
	struct tree t;
	struct diag d = {0};

	(void)state;
	tree_init(&t, 0);
	assert_non_null(tree_add(&t, "app/x", NODE_FILE, 0644, &first, &d));
	assert_null(tree_add(&t, "app/x", NODE_FILE, 0644, &second, &d));
	assert_null(tree_add(&t, "app/x", NODE_FOLDER, 0755, &second, &d));
	assert_null(tree_add(&t, "app/x/y", NODE_FILE, 0644, &second, &d));
	scratch_expect(&d,
		"r.lua:5: app[2]: expected a new name, found app/x already there (from "
		"r.lua:4: app[1])",
		"r.lua:5: app[2]: expected a new name, found app/x already there (from "
		"r.lua:4: app[1])",
		"r.lua:5: app[2]: expected a folder, found app/x as a file (from "
		"r.lua:4: "
		"app[1])");
	assert_non_null(tree_add(&t, "app", NODE_FOLDER, 0700, &second, &d));
	assert_int_equal(tree_find(&t, "app")->mode, 0700);
	assert_null(tree_add(&t, "app", NODE_FILE, 0644, &second, &d));
	diag_clear(&d);
	tree_clear(&t);
}

static int note_name(struct node *n, void *context)
{
	buffer_printf(context, "%s ", n->name);
	return 0;
}

static void test_order(void **state)
{
	static const char *const names[] = {"b", "a.x", "a/z", "a/\xc3\xa9", "B", "a-"};
	struct buffer seen = {0};
	struct tree t;
	struct diag d = {0};

	(void)state;
	tree_init(&t, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(tree_add_text(&t, names[i], "", 0, 0644, NULL, &d));
	tree_add_input(&t, "/x/b");
	tree_add_input(&t, "/x/a");
	tree_add_input(&t, "/x/b");
	tree_finish(&t);
	tree_walk(&t, note_name, &seen);
	assert_string_equal(seen.bytes, "B a z \xc3\xa9 a- a.x b ");
	assert_int_equal(t.input_count, 2);
	assert_string_equal(t.inputs[0], "/x/a");
	buffer_clear(&seen);
	tree_clear(&t);
}

static void test_many(void **state)
{
	struct tree t;
	struct diag d = {0};
	char path[64];

	(void)state;
	tree_init(&t, 0);
	for (int i = 0; i < 100000; i++) {
		snprintf(path, sizeof(path), "d/%d", i * 7919 % 100000);
		assert_non_null(tree_add(&t, path, NODE_FILE, 0644, NULL, &d));
	}
	assert_int_equal(tree_find(&t, "d")->folder->count, 100000);
	assert_null(tree_add(&t, "d/77", NODE_FILE, 0644, NULL, &d));
	diag_clear(&d);
	tree_clear(&t);
}

/* A file whose name is given to another keeps its contents under its other names. */
static void test_reset(void **state)
{
	struct tree t;
	struct diag d = {0};
	struct node *a, *b, *c;

	(void)state;
	tree_init(&t, 0);
	a = tree_add_text(&t, "a", "old", 3, 0644, NULL, &d);
	b = tree_add(&t, "b", NODE_HARDLINK, 0644, NULL, &d);
	tree_link(b, a);
	c = tree_add(&t, "c", NODE_HARDLINK, 0644, NULL, &d);
	tree_link(c, b);
	assert_ptr_equal(c->primary, a);
	assert_int_equal(a->link_count, 3);
	a = tree_reset(&t, a, NODE_FILE, 0755);
	tree_fill_text(a, "newer", 5);
	assert_ptr_equal(tree_find(&t, "a"), a);
	assert_int_equal(a->link_count, 1);
	tree_finish(&t);
	assert_int_equal(t.root->folder->count, 3);
	assert_int_equal(b->type, NODE_FILE);
	assert_int_equal(b->size, 3);
	assert_int_equal(b->link_count, 2);
	assert_ptr_equal(c->primary, b);
	assert_ptr_equal(tree_reset(&t, c, NODE_SYMLINK, 0777), c);
	assert_int_equal(b->link_count, 1);
	tree_clear(&t);
}

/* As an archive has it to which the same files were added again. */
static void test_reset_many(void **state)
{
	const int many = 40000;
	clock_t before = clock();
	struct diag d = {0};
	struct tree t;
	char path[64];

	(void)state;
	tree_init(&t, 0);
	for (int i = 0; i < 2 * many; i++) {
		struct node *n, *link;

		snprintf(path, sizeof(path), "d/b%d", i % many);
		n = tree_find(&t, path);
		n = n ? tree_reset(&t, n, NODE_FILE, 0644)
		      : tree_add(&t, path, NODE_FILE, 0644, NULL, &d);
		n->size = (uint64_t)i;
		snprintf(path, sizeof(path), "d/a%d", i % many);
		link = tree_find(&t, path);
		if (i >= many)
			assert_int_equal(link->primary->size, i - many);
		link = link ? tree_reset(&t, link, NODE_HARDLINK, 0644)
			    : tree_add(&t, path, NODE_HARDLINK, 0644, NULL, &d);
		tree_link(link, n);
	}
	tree_finish(&t);
	assert_int_equal(t.node_count, 1 + 2 * many);
	assert_int_equal(t.root->folder->list[0]->folder->count, 2 * many);
	assert_int_equal(tree_find(&t, "d/b7")->size, many + 7);
	assert_int_equal(tree_find(&t, "d/b7")->link_count, 2);
	assert_ptr_equal(tree_find(&t, "d/a7")->primary, tree_find(&t, "d/b7"));
	/* A walk for each would take minutes. */
	assert_in_range((clock() - before) / CLOCKS_PER_SEC, 0, 9);
	tree_clear(&t);
}

static void expect_names(struct tree *t, const char *names)
{
	struct buffer seen = {0};

	tree_finish(t);
	buffer_add_text(&seen, "");
	tree_walk(t, note_name, &seen);
	assert_string_equal(seen.bytes, names);
	buffer_clear(&seen);
}

static struct node *add(struct tree *t, const char *path, enum node_type type)
{
	struct diag d = {0};
	struct node *n = tree_add(t, path, type, 0755, &second, &d);

	scratch_expect_none(&d);
	return n;
}

static void link_to(struct tree *t, const char *path, const char *to)
{
	tree_link(add(t, path, NODE_HARDLINK), tree_find(t, to));
}

/* Of many names in one index exactly those that were taken out are gone. */
static void test_remove(void **state)
{
	struct tree t;
	char path[64];

	(void)state;
	tree_init(&t, 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "d%d/%d", i % 7, i);
		add(&t, path, NODE_FILE);
	}
	tree_remove(&t, tree_find(&t, "d3"));
	for (int i = 0; i < 5000; i += 2) {
		snprintf(path, sizeof(path), "d%d/%d", i % 7, i);
		if (i % 7 != 3)
			tree_remove(&t, tree_find(&t, path));
	}
	assert_int_equal(t.node_count, 6 + 5000 / 2 - 5000 / 14);
	for (int i = 0; i < 5000; i++) {
		snprintf(path, sizeof(path), "d%d/%d", i % 7, i);
		assert_int_equal(tree_find(&t, path) != NULL, i % 2 && i % 7 != 3);
	}
	assert_null(tree_find(&t, "d3"));
	tree_clear(&t);
}

static int count_node(struct node *n, void *context)
{
	(void)n;
	++*(size_t *)context;
	return 0;
}

/* The oldest of very many first, others in their places, and folders with gaps, too. */
static void test_remove_many(void **state)
{
	const int many = 150000;
	size_t seen = 0;
	struct tree t;
	clock_t before = clock();
	char path[64];

	(void)state;
	tree_init(&t, 0);
	t.replaces = 1;
	for (int i = 0; i < many; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		add(&t, path, NODE_FILE);
	}
	for (int i = 0; i < many; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		if (i % 2)
			tree_remove(&t, tree_find(&t, path));
		else
			add(&t, path, NODE_SYMLINK)->target = "t";
	}
	assert_int_equal(t.node_count, 1 + many / 2);
	tree_walk(&t, count_node, &seen);
	assert_int_equal(seen, t.node_count);
	assert_int_equal(tree_find(&t, "d/0")->type, NODE_SYMLINK);
	assert_null(tree_find(&t, "d/1"));
	/* One name many times leaves no list that grows. */
	for (int i = 0; i < many; i++)
		add(&t, "e/again", NODE_FILE);
	assert_in_range(tree_find(&t, "e")->folder->room, 1, 16);
	for (int i = 2; i < many; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		if (i % 2 == 0)
			tree_remove(&t, tree_find(&t, path));
	}
	expect_names(&t, "d 0 e again ");
	assert_int_equal(tree_find(&t, "d")->folder->count, 1);
	add(&t, "d/1", NODE_FILE);
	tree_remove(&t, tree_find(&t, "d/0"));
	tree_remove(&t, tree_find(&t, "d"));
	expect_names(&t, "e again ");
	assert_int_equal(t.node_count, 2);
	/* One by one they would take minutes. */
	assert_in_range((clock() - before) / CLOCKS_PER_SEC, 0, 9);
	tree_clear(&t);
}

/* Names outside of what is removed keep the contents, one of them as the file. */
static void test_remove_links(void **state)
{
	struct tree t;
	struct diag d = {0};

	(void)state;
	tree_init(&t, 0);
	tree_add_text(&t, "gone/a", "old", 3, 0640, NULL, &d);
	link_to(&t, "gone/b", "gone/a");
	link_to(&t, "z", "gone/b");
	link_to(&t, "y/c", "gone/a");
	add(&t, "other", NODE_FILE);
	link_to(&t, "gone/c", "other");
	tree_remove(&t, tree_find(&t, "gone"));
	link_to(&t, "x", "z");
	expect_names(&t, "other x y c z ");
	assert_int_equal(tree_find(&t, "x")->type, NODE_FILE);
	assert_int_equal(tree_find(&t, "x")->link_count, 3);
	assert_int_equal(tree_find(&t, "x")->size, 3);
	assert_int_equal(tree_find(&t, "x")->mode, 0640);
	assert_ptr_equal(tree_find(&t, "y/c")->primary, tree_find(&t, "x"));
	assert_ptr_equal(tree_find(&t, "z")->primary, tree_find(&t, "x"));
	assert_int_equal(tree_find(&t, "other")->link_count, 1);
	tree_clear(&t);
}

static void test_replace(void **state)
{
	struct tree t;
	struct diag d = {0};

	(void)state;
	tree_init(&t, 0);
	add(&t, "file", NODE_FILE)->uid = 7;
	add(&t, "folder/a/b", NODE_FILE);
	add(&t, "folder/c", NODE_FILE);
	link_to(&t, "kept", "folder/c");
	t.replaces = 1;
	add(&t, "file/x", NODE_FILE);
	add(&t, "folder", NODE_FOLDER)->mode = 0700;
	add(&t, "folder/a", NODE_FILE);
	add(&t, "folder/c", NODE_SYMLINK)->target = "a";
	link_to(&t, "kept2", "kept");
	link_to(&t, "kept2", "kept2");
	assert_null(tree_add(&t, "", NODE_FILE, 0644, &second, &d));
	diag_clear(&d);
	expect_names(&t, "file x folder a c kept kept2 ");
	assert_int_equal(tree_find(&t, "file")->type, NODE_FOLDER);
	assert_int_equal(tree_find(&t, "file")->uid, 0);
	assert_int_equal(tree_find(&t, "folder")->mode, 0700);
	assert_int_equal(tree_find(&t, "kept")->link_count, 2);
	t.replaces = 0;
	assert_null(tree_add(&t, "kept", NODE_FILE, 0644, &second, &d));
	diag_clear(&d);
	tree_clear(&t);
}

/* /lib is a link to usr/lib: what goes to /lib goes there, and the link stays. */
static void test_replace_through_links(void **state)
{
	struct tree t;
	struct diag d = {0};
	const char *why;

	(void)state;
	tree_init(&t, 0);
	add(&t, "usr/lib/old", NODE_FILE);
	add(&t, "lib", NODE_SYMLINK)->target = "usr/lib";
	add(&t, "out", NODE_SYMLINK)->target = "../../..//etc";
	add(&t, "srv/loop", NODE_SYMLINK)->target = "/srv/loop";
	t.replaces = 1;
	add(&t, "lib/new", NODE_FILE);
	add(&t, "lib", NODE_FOLDER)->mode = 0711;
	add(&t, "out/passwd", NODE_FILE);
	assert_ptr_equal(tree_find(&t, "lib/new"), tree_find(&t, "usr/lib/new"));
	assert_int_equal(tree_find(&t, "lib")->type, NODE_SYMLINK);
	assert_int_equal(tree_find(&t, "usr/lib")->mode, 0711);
	assert_null(tree_add(&t, "srv/loop/x", NODE_FILE, 0644, &second, &d));
	scratch_expect(
		&d, "r.lua:5: app[2]: srv/loop/x: too many symbolic links on the way");
	assert_ptr_equal(tree_reach(&t, t.root, "srv/../lib/.././../usr", 0, NULL, &why),
		tree_find(&t, "usr"));
	assert_null(tree_reach(&t, t.root, "usr/no", 0, NULL, &why));
	assert_null(why);
	assert_null(tree_reach(&t, t.root, "lib/new", 0, NULL, &why));
	assert_string_equal(why, "a file that is no folder");
	expect_names(&t, "etc passwd lib out srv loop usr lib new old ");
	tree_clear(&t);
}

/* Each link leads deeper than the last, all by short paths. */
static void test_depth(void **state)
{
	char deep[3001];
	const char *why = NULL;
	struct node *at;
	struct tree t;

	(void)state;
	tree_init(&t, 0);
	for (int i = 0; i < 3000; i += 2)
		memcpy(deep + i, "d/", 2);
	deep[2999] = '\0';
	at = tree_reach(&t, t.root, deep, 1, NULL, &why);
	assert_non_null(at);
	assert_null(tree_reach(&t, at, deep, 1, NULL, &why));
	assert_string_equal(why, "a path of more than 4095 bytes");
	tree_clear(&t);
}

static void make_listed(struct tree *t, struct buffer *list)
{
	static const struct xattr origin = {"user.ori gin", "\x01z", 2};
	static const struct xattrs xattrs = {&origin, 1};
	struct diag d = {0};
	struct node *n, *link;

	tree_init(t, 1700000000);
	n = tree_add_text(t, "app/a b#=\\\xc3\xa9", "x", 1, 0755, NULL, &d);
	n->xattrs = &xattrs;
	link = tree_add(t, "app/twin", NODE_HARDLINK, 0755, NULL, &d);
	tree_link(link, n);
	link = tree_add(t, "l", NODE_SYMLINK, 0777, NULL, &d);
	link->target = "to here";
	tree_finish(t);
	assert_int_equal(stream_files(t, &(struct stream_options){0}, NULL, &d), 0);
	tree_list_text(t, list);
}

static void test_list(void **state)
{
	struct buffer list = {0};
	struct tree t;

	(void)state;
	make_listed(&t, &list);
	assert_string_equal(list.bytes,
		"#mtree\n/set uid=0 gid=0\n"
		". type=dir mode=0755 time=1700000000.0\n"
		"./app type=dir mode=0755 time=1700000000.0\n"
		"./app/a\\040b\\043\\075\\134\\303\\251 type=file mode=0755 size=1 "
		"sha256digest="
		"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a488"
		"1 nlink=2 inode=1 time=1700000000.0\n"
		"# xattr user.ori\\040gin=017a\n"
		"./app/twin type=file mode=0755 size=1 "
		"sha256digest="
		"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a488"
		"1 nlink=2 inode=1 time=1700000000.0\n"
		"# xattr user.ori\\040gin=017a\n"
		"./l type=link mode=0777 link=to\\040here time=1700000000.0\n");
	buffer_clear(&list);
	tree_clear(&t);
}

/* Another reader of mtree(5) understands it. */
static void test_list_is_mtree(void **state)
{
	struct archive *a = archive_read_new();
	struct buffer list = {0};
	struct archive_entry *e;
	struct tree t;
	int seen = 0, rc;

	(void)state;
	make_listed(&t, &list);
	archive_read_support_format_mtree(a);
	assert_int_equal(archive_read_open_memory(a, list.bytes, list.size), ARCHIVE_OK);
	while ((rc = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(e);

		seen++;
		assert_int_equal(archive_entry_mtime(e), 1700000000);
		if (strcmp(path, "./app/a b#=\\\xc3\xa9") == 0) {
			assert_int_equal(archive_entry_size(e), 1);
			assert_int_equal(archive_entry_perm(e), 0755);
			assert_int_equal(archive_entry_filetype(e), AE_IFREG);
			assert_int_equal(archive_entry_nlink(e), 2);
			seen += 10;
		}
		if (strcmp(path, "./l") == 0) {
			assert_string_equal(archive_entry_symlink(e), "to here");
			seen += 100;
		}
	}
	if (rc != ARCHIVE_EOF)
		fail_msg("%s", archive_error_string(a));
	assert_int_equal(seen, 115);
	archive_read_free(a);
	buffer_clear(&list);
	tree_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bad_paths),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_many),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_remove_many),
		cmocka_unit_test(test_remove_links),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_through_links),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_is_mtree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
