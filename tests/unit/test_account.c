/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "compiler/account.h"

static const char passwd[] = "root:x:0:0::/:/bin/sh\nlab:x:5:6::/:/bin/sh\n";
static const char group[] = "wheel:x:7:lab\nlab:x:6:\nstaff:x:8:root,lab\n";

static void add(struct tree *t, const char *path, const char *text)
{
	struct diag d = {0};

	assert_non_null(tree_add_text(t, path, text, strlen(text), 0644, NULL, &d));
}

static void add_link(struct tree *t, const char *path, const char *target)
{
	struct diag d = {0};
	struct node *n = tree_add(t, path, NODE_SYMLINK, 0777, NULL, &d);

	assert_non_null(n);
	n->target = target;
}

/* An account as "UID GID GROUP…". */
static void expect(struct tree *t, const char *user, const char *text)
{
	struct account account;
	struct diag d = {0};
	struct buffer b = {0};

	assert_int_equal(account_find(&account, t, user, &d), 0);
	scratch_expect_none(&d);
	buffer_printf(&b, "%u %u", account.uid, account.gid);
	for (size_t i = 0; i < account.group_count; i++)
		buffer_printf(&b, " %u", account.groups[i]);
	assert_string_equal(b.bytes, text);
	buffer_clear(&b);
}

static void expect_failure(struct tree *t, const char *user, const char *text)
{
	struct account account;
	struct diag d = {0};

	assert_int_equal(account_find(&account, t, user, &d), -1);
	scratch_expect(&d, text);
}

static void start(struct tree *t)
{
	tree_init(t, 0);
	t->replaces = 1;
}

static void test_names_and_numbers(void **state)
{
	struct tree t;

	(void)state;
	start(&t);
	expect(&t, "12", "12 0");
	expect(&t, "12:13", "12 13");
	expect_failure(&t, "lab", "its user is lab, whom its /etc/passwd does not know");
	add(&t, "etc/passwd", passwd);
	add(&t, "etc/group", group);
	expect(&t, "lab", "5 6 7 8");
	expect(&t, "5", "5 6 7 8");
	expect(&t, "lab:staff", "5 8");
	expect(&t, "5:9", "5 9");
	expect_failure(&t, "lab:none",
		"its user's group is none, which its /etc/group does not know");
	/* As if there were no colon. */
	expect(&t, "lab:", "5 6 7 8");
	expect(&t, "5:", "5 6 7 8");
	tree_clear(&t);
}

/* As Nix's images have them. */
static void test_links(void **state)
{
	struct tree t;

	(void)state;
	start(&t);
	add_link(&t, "etc/passwd", "/nix/etc/passwd");
	add_link(&t, "nix/etc", "../../../store/./etc/");
	add(&t, "store/etc/passwd", passwd);
	add_link(&t, "etc/group", "group.real");
	add_link(&t, "etc/group.real", "../../../store/etc/group");
	add(&t, "store/etc/group", group);
	expect(&t, "lab", "5 6 7 8");
	expect(&t, "5", "5 6 7 8");
	tree_clear(&t);
}

static void test_links_to_nothing(void **state)
{
	static const char *const targets[] = {
		"nowhere", "/no/where", "..", "/", "/store/", "/store/file/x"};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct tree t;

		start(&t);
		add(&t, "store/file", passwd);
		add_link(&t, "etc/passwd", targets[i]);
		if (i < 5)
			expect(&t, "5", "5 0");
		else
			expect_failure(&t, "5",
				"its /etc/passwd: a file that is no folder on the way");
		tree_clear(&t);
	}
}

static void test_loops(void **state)
{
	struct tree t;

	(void)state;
	start(&t);
	add_link(&t, "etc/passwd", "/etc/group");
	add_link(&t, "etc/group", "passwd");
	expect_failure(&t, "lab", "its /etc/passwd: too many symbolic links on the way");
	tree_clear(&t);
	start(&t);
	add(&t, "etc/passwd", passwd);
	add_link(&t, "etc/group", "/loop/group");
	add_link(&t, "loop", "loop");
	expect_failure(&t, "5", "its /etc/group: too many symbolic links on the way");
	tree_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_links_to_nothing),
		cmocka_unit_test(test_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
