/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanned.h"

#include <archive.h>
#include <archive_entry.h>

#define ACCESS ARCHIVE_ENTRY_ACL_TYPE_ACCESS
#define DEFAULT ARCHIVE_ENTRY_ACL_TYPE_DEFAULT
#define EVERYTHING (KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS | KEEP_DEVICES)

static const struct item item_of_all = {.kind = ITEM_ARCHIVE,
	.source = "x.tar",
	.dest = "",
	.mode = -1,
	.keep = EVERYTHING,
	.place = {"r.lua", 4, "app[1]"}};

/* An archive on its way, and the entry that comes next. */
struct maker {
	struct archive *archive;
	struct archive_entry *entry;
	int fd;
};

static void start(struct scratch *s, struct maker *m)
{
	m->fd = openat(s->fd, "x.tar", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	m->archive = archive_write_new();
	m->entry = archive_entry_new();
	assert_true(m->fd >= 0);
	assert_int_equal(archive_write_set_format_pax(m->archive), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(m->archive, m->fd), ARCHIVE_OK);
}

/* The next entry: owner 5:6, time 7.000000008, empty. */
static struct archive_entry *next(struct maker *m, const char *path, mode_t mode)
{
	struct archive_entry *e = archive_entry_clear(m->entry);

	archive_entry_set_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_uid(e, 5);
	archive_entry_set_gid(e, 6);
	archive_entry_set_mtime(e, 7, 8);
	archive_entry_set_size(e, 0);
	return e;
}

static void put(struct maker *m)
{
	if (archive_write_header(m->archive, m->entry) < ARCHIVE_WARN)
		fail_msg("%s", archive_error_string(m->archive));
}

static void finish(struct maker *m)
{
	assert_int_equal(archive_write_close(m->archive), ARCHIVE_OK);
	archive_write_free(m->archive);
	archive_entry_free(m->entry);
	close(m->fd);
}

static void put_device(struct maker *m, const char *path, mode_t mode, dev_t device)
{
	archive_entry_set_rdev(next(m, path, mode), device);
	put(m);
}

static void put_hardlink(struct maker *m, const char *path, const char *to)
{
	archive_entry_set_hardlink(next(m, path, AE_IFREG | 0600), to);
	put(m);
}

static void make_all_kinds(struct scratch *s)
{
	struct maker m;

	start(s, &m);
	next(&m, "./", AE_IFDIR | 03710);
	put(&m);
	next(&m, "file", AE_IFREG | 06751);
	archive_entry_xattr_add_entry(m.entry, "user.u", "1", 1);
	archive_entry_xattr_add_entry(m.entry, "security.capability", "2", 1);
	put(&m);
	archive_entry_set_symlink(next(&m, "link", AE_IFLNK | 0777), "file");
	put(&m);
	next(&m, "pipe", AE_IFIFO | 0602);
	put(&m);
	put_device(&m, "tty", AE_IFCHR | 0620, makedev(4, 64));
	put_device(&m, "disk", AE_IFBLK | 0660, makedev(259, 70000));
	put_hardlink(&m, "same-file", "file");
	put_hardlink(&m, "same-link", "link");
	put_hardlink(&m, "same-tty", "tty");
	finish(&m);
}

static void test_everything(void **state)
{
	struct scratch *s = *state;

	make_all_kinds(s);
	scanned_expect(s, &item_of_all, 1,
		"d3710 app 5:6 @7.000000008\n"
		"b0660 app/disk 259,70000 5:6 @7.000000008\n"
		"f6751 app/file 0 5:6 @7.000000008 security.capability user.u\n"
		"l0777 app/link -> file 5:6 @7.000000008\n"
		"p0602 app/pipe 5:6 @7.000000008\n"
		"=6751 app/same-file = app/file\n"
		"l0777 app/same-link -> file 5:6 @7.000000008\n"
		"c0620 app/same-tty 4,64 5:6 @7.000000008\n"
		"c0620 app/tty 4,64 5:6 @7.000000008\n");
}

static void expect_line(struct scratch *s, unsigned keep, int mode, const char *line)
{
	struct item item = item_of_all;
	struct buffer b = {0};
	struct tree t;
	struct diag d = {0};

	item.keep = keep | KEEP_DEVICES;
	item.mode = mode;
	assert_int_equal(scanned_tree(s, &t, &item, 1, &d), 0);
	scanned_add_line(tree_find(&t, "app/file"), &b);
	assert_string_equal(b.bytes, line);
	buffer_clear(&b);
	tree_clear(&t);
}

static void test_each_alone(void **state)
{
	struct scratch *s = *state;

	make_all_kinds(s);
	expect_line(s, 0, -1, "f0755 app/file 0 user.u\n");
	expect_line(s, KEEP_MODES, -1, "f6751 app/file 0 user.u\n");
	expect_line(s, KEEP_MODES, 0640, "f0640 app/file 0 user.u\n");
	expect_line(s, KEEP_MODES, 04711, "f4711 app/file 0 user.u\n");
	expect_line(s, KEEP_OWNERS, -1, "f0755 app/file 0 5:6 user.u\n");
	expect_line(s, KEEP_TIMES, -1, "f0755 app/file 0 @7.000000008 user.u\n");
	expect_line(s, KEEP_XATTRS, -1, "f0755 app/file 0 security.capability user.u\n");
}

static void test_no_devices(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of_all;
	struct tree t;
	struct diag d = {0};

	make_all_kinds(s);
	item.keep &= ~(unsigned)KEEP_DEVICES;
	assert_int_equal(scanned_tree(s, &t, &item, 1, &d), -1);
	scratch_expect(&d,
		"r.lua:4: app[1]: x.tar: pipe: expected files, folders and links, found "
		"a device or pipe",
		"r.lua:4: app[1]: x.tar: tty: expected files, folders and links, found a "
		"device or pipe",
		"r.lua:4: app[1]: x.tar: disk: expected files, folders and links, found "
		"a device or pipe",
		"r.lua:4: app[1]: x.tar: same-tty: a hard link to tty, which is no "
		"earlier file in it");
	tree_clear(&t);
}

/* What a name is given up for leaves nothing of itself, and its other names keep all. */
static void test_replaced(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of_all;
	struct maker m;

	start(s, &m);
	next(&m, "a", AE_IFREG | 0751);
	archive_entry_xattr_add_entry(m.entry, "user.u", "1", 1);
	put(&m);
	put_hardlink(&m, "b", "a");
	archive_entry_set_uid(next(&m, "a", AE_IFIFO | 0600), 0);
	archive_entry_set_gid(m.entry, 0);
	archive_entry_set_mtime(m.entry, 0, 0);
	put(&m);
	finish(&m);
	scanned_expect(s, &item, 1,
		"d0755 app\np0600 app/a\nf0751 app/b 0 5:6 @7.000000008 user.u\n");
}

/* Of a folder that several archives have, the last one counts; a recipe's own word wins.
 */
static void test_folders(void **state)
{
	struct scratch *s = *state;
	struct item list[] = {item_of_all, item_of_all, item_of_all};
	struct maker m;

	start(s, &m);
	next(&m, "d/", AE_IFDIR | 02750);
	put(&m);
	finish(&m);
	list[0].keep = 0;
	scanned_expect(s, list, 2, "d0755 app\nd2750 app/d 5:6 @7.000000008\n");
	list[1].keep = 0;
	list[0].keep = EVERYTHING;
	scanned_expect(s, list, 1, "d0755 app\nd2750 app/d 5:6 @7.000000008\n");
	list[1] = (struct item){
		.kind = ITEM_FOLDER, .dest = "d", .mode = 0700, .place = list[0].place};
	scanned_expect(s, list + 1, 2, "d0755 app\nd0700 app/d\n");
}

static void add_acl(struct maker *m, int type, int tag, int set, int id, const char *name)
{
	assert_int_equal(archive_entry_acl_add_entry(m->entry, type, set, tag, id, name),
		ARCHIVE_OK);
}

static void add_plain_acl(struct maker *m, int type)
{
	add_acl(m, type, ARCHIVE_ENTRY_ACL_OTHER, 0, -1, "");
	add_acl(m, type, ARCHIVE_ENTRY_ACL_GROUP_OBJ, 4, -1, "");
	add_acl(m, type, ARCHIVE_ENTRY_ACL_USER_OBJ, 7, -1, "");
}

static void expect_xattr(
	const struct node *n, size_t at, const char *name, const void *bytes, size_t size)
{
	assert_true(at < n->xattrs->count);
	assert_string_equal(n->xattrs->list[at].name, name);
	assert_int_equal(n->xattrs->list[at].size, size);
	assert_memory_equal(n->xattrs->list[at].value, bytes, size);
}

static void test_acls(void **state)
{
	static const unsigned char access[] = {2, 0, 0, 0, /* owner rwx */ 1, 0, 7, 0,
		255, 255, 255, 255, /* user 3 r-- */ 2, 0, 4, 0, 3, 0, 0, 0,
		/* user 1000 r-x */ 2, 0, 5, 0, 0xe8, 3, 0, 0, /* group r-- */ 4, 0, 4, 0,
		255, 255, 255, 255, /* group 70000 -w- */ 8, 0, 2, 0, 0x70, 0x11, 1, 0,
		/* mask rwx */ 16, 0, 7, 0, 255, 255, 255, 255, /* other --- */ 32, 0, 0,
		0, 255, 255, 255, 255};
	static const unsigned char inherited[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255,
		255, 4, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255};
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	struct node *n;
	struct maker m;

	start(s, &m);
	next(&m, "d/", AE_IFDIR | 0770);
	add_acl(&m, ACCESS, ARCHIVE_ENTRY_ACL_MASK, 7, -1, "");
	add_acl(&m, ACCESS, ARCHIVE_ENTRY_ACL_GROUP, 2, 70000, "");
	add_acl(&m, ACCESS, ARCHIVE_ENTRY_ACL_USER, 5, 1000, "somebody");
	add_acl(&m, ACCESS, ARCHIVE_ENTRY_ACL_USER, 4, 3, "");
	add_plain_acl(&m, ACCESS);
	add_plain_acl(&m, DEFAULT);
	put(&m);
	next(&m, "plain", AE_IFREG | 0640);
	put(&m);
	finish(&m);
	assert_int_equal(scanned_tree(s, &t, &item_of_all, 1, &d), 0);
	n = tree_find(&t, "app/d");
	/* The group's bits are the mask. */
	assert_int_equal(n->mode, 0770);
	assert_int_equal(n->xattrs->count, 2);
	expect_xattr(n, 0, "system.posix_acl_access", access, sizeof(access));
	expect_xattr(n, 1, "system.posix_acl_default", inherited, sizeof(inherited));
	assert_null(tree_find(&t, "app/plain")->xattrs);
	tree_clear(&t);
}

/* Makes an archive of a file with such a list, and expects this of it. */
static void expect_bad_acl(struct scratch *s, int type, int tag, int set, int id,
	const char *name, const char *text)
{
	struct tree t;
	struct diag d = {0};
	struct maker m;

	start(s, &m);
	next(&m, "f", AE_IFREG | 0640);
	add_plain_acl(&m, type);
	add_acl(&m, type, tag, set, id, name);
	put(&m);
	finish(&m);
	assert_int_equal(scanned_tree(s, &t, &item_of_all, 1, &d), -1);
	scratch_expect(&d, text);
	tree_clear(&t);
}

static void test_bad_acls(void **state)
{
	struct scratch *s = *state;

	expect_bad_acl(s, ACCESS, ARCHIVE_ENTRY_ACL_USER, 7, 1, "",
		"r.lua:4: app[1]: x.tar: f: an access control list that is not sound");
	expect_bad_acl(s, DEFAULT, ARCHIVE_ENTRY_ACL_GROUP, 7, 1, "",
		"r.lua:4: app[1]: x.tar: f: an access control list that is not sound");
	expect_bad_acl(s, ACCESS, ARCHIVE_ENTRY_ACL_GROUP, 7, -1, "them",
		"r.lua:4: app[1]: x.tar: f: an access control list that names the group "
		"them without a number (tar --numeric-owner writes numbers)");
}

/* As tar writes them, who means what the file system does: seconds before, parts after.
 */
static void test_times_before_1970(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of_all;
	struct buffer out = {0};

	item.keep = KEEP_TIMES;
	scratch_must_run(s, &out, "touch", "-d", "@-1.25", "a");
	scratch_must_run(s, &out, "touch", "-d", "@-86400.75", "b");
	scratch_must_run(s, &out, "touch", "-d", "@-3", "c");
	scratch_must_run(s, &out, "touch", "-d", "@1.25", "d");
	scratch_must_run(
		s, &out, "tar", "--format=pax", "-cf", "x.tar", "a", "b", "c", "d");
	scanned_expect(s, &item, 1,
		"d0755 app\nf0644 app/a 0 @-2.750000000\n"
		"f0644 app/b 0 @-86401.250000000\nf0644 app/c 0 @-3.000000000\n"
		"f0644 app/d 0 @1.250000000\n");
	buffer_clear(&out);
}

static void test_bad_owner(void **state)
{
	static const la_int64_t owners[] = {4294967295, 1LL << 40};
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	struct maker m;

	for (size_t i = 0; i < 2 * 2; i++) {
		start(s, &m);
		next(&m, "f", AE_IFREG | 0640);
		if (i % 2)
			archive_entry_set_uid(m.entry, owners[i / 2]);
		else
			archive_entry_set_gid(m.entry, owners[i / 2]);
		put(&m);
		finish(&m);
		assert_int_equal(scanned_tree(s, &t, &item_of_all, 1, &d), -1);
		scratch_expect(&d,
			"r.lua:4: app[1]: x.tar: f: an owner whose number is out of "
			"range");
		tree_clear(&t);
	}
}

#define WITH_FOLDER(test)                                                                \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_everything),
		WITH_FOLDER(test_each_alone),
		WITH_FOLDER(test_no_devices),
		WITH_FOLDER(test_replaced),
		WITH_FOLDER(test_folders),
		WITH_FOLDER(test_acls),
		WITH_FOLDER(test_bad_acls),
		WITH_FOLDER(test_times_before_1970),
		WITH_FOLDER(test_bad_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
