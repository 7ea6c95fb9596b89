/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "compiler/cpio.h"

static const struct place here = {.file = "mini.lua", .line = 7, .field = "initrd"};

struct fixture {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/cpio.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};

	close(f->fd);
	file_remove_tree(AT_FDCWD, f->path, &d);
	free(f);
	return 0;
}

/* One entry, parsed from the format's definition and nothing of ours. */
struct entry {
	unsigned long inode, mode, uid, gid, links, mtime, size;
	const char *name, *bytes;
};

static unsigned long hex(const char *p)
{
	char digits[9];

	memcpy(digits, p, 8);
	digits[8] = '\0';
	return strtoul(digits, NULL, 16);
}

static size_t read_entries(
	const char *image, size_t size, struct entry *list, size_t room)
{
	size_t count = 0, at = 0;

	for (;;) {
		const char *h = image + at;
		size_t name_size;
		struct entry e;

		assert_true(at + 110 <= size);
		assert_memory_equal(h, "070701", 6);
		e = (struct entry){hex(h + 6), hex(h + 14), hex(h + 22), hex(h + 30),
			hex(h + 38), hex(h + 46), hex(h + 54), h + 110, NULL};
		name_size = hex(h + 94);
		at = (at + 110 + name_size + 3) & ~(size_t)3;
		e.bytes = image + at;
		at = (at + e.size + 3) & ~(size_t)3;
		assert_true(at <= size);
		if (strcmp(e.name, "TRAILER!!!") == 0)
			break;
		assert_true(count < room);
		list[count++] = e;
	}
	assert_int_equal(at, size);
	return count;
}

static void add_text(struct tree *t, const char *path, const char *text, mode_t mode)
{
	struct diag d = {0};

	assert_non_null(tree_add_text(t, path, text, strlen(text), mode, &here, &d));
}

static struct node *add(
	struct tree *t, const char *path, enum node_type type, mode_t mode)
{
	struct diag d = {0};
	struct node *n = tree_add(t, path, type, mode, &here, &d);

	assert_non_null(n);
	return n;
}

/* The same files, in this order or the other. */
static void fill(struct tree *t, int backwards)
{
	tree_init(t, 1700000000);
	for (int i = 0; i < 4; i++) {
		switch (backwards ? 3 - i : i) {
		case 0:
			add_text(t, "bin/busybox", "program", 0755);
			break;
		case 1:
			add(t, "bin/sh", NODE_SYMLINK, 0777)->target = "busybox";
			break;
		case 2:
			add(t, "tmp", NODE_FOLDER, 01777);
			break;
		case 3:
			add_text(t, "etc/passwd", "root:x:0:0::/:/bin/sh\n", 0644);
			break;
		}
	}
	tree_finish(t);
}

static char *write_and_read(
	struct fixture *f, const char *name, struct tree *t, size_t *size)
{
	struct diag d = {0};
	struct stat st;
	char *image;

	assert_int_equal(cpio_write(f->fd, name, t, &d), 0);
	assert_int_equal(fstatat(f->fd, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	image = file_read(f->fd, name, 1 << 20, size, &d);
	assert_non_null(image);
	return image;
}

static void holds_the_tree(void **state)
{
	static const struct {
		const char *name;
		unsigned long mode;
		const char *bytes;
	} expected[] = {
		{"bin", 0040755, ""},
		{"bin/busybox", 0100755, "program"},
		{"bin/sh", 0120777, "busybox"},
		{"etc", 0040755, ""},
		{"etc/passwd", 0100644, "root:x:0:0::/:/bin/sh\n"},
		{"tmp", 0041777, ""},
	};
	struct entry list[8];
	struct tree t;
	size_t size;
	char *image;

	fill(&t, 0);
	image = write_and_read(*state, "initrd", &t, &size);
	assert_int_equal(read_entries(image, size, list, 8), 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(list[i].name, expected[i].name);
		assert_int_equal(list[i].mode, expected[i].mode);
		assert_int_equal(list[i].size, strlen(expected[i].bytes));
		assert_memory_equal(list[i].bytes, expected[i].bytes, list[i].size);
		assert_int_equal(list[i].inode, i + 1);
		assert_int_equal(list[i].mtime, 1700000000);
		assert_int_equal(list[i].uid + list[i].gid, 0);
		assert_int_equal(list[i].links, 1);
	}
	free(image);
	tree_clear(&t);
}

static void same_tree_same_bytes(void **state)
{
	struct tree t, u;
	size_t size, other_size, third_size;
	char *image, *other, *third;
	mode_t was = umask(077);

	fill(&t, 0);
	fill(&u, 1);
	image = write_and_read(*state, "one", &t, &size);
	other = write_and_read(*state, "two", &u, &other_size);
	third = write_and_read(*state, "three", &t, &third_size);
	umask(was);
	assert_int_equal(size, other_size);
	assert_memory_equal(image, other, size);
	assert_int_equal(size, third_size);
	assert_memory_equal(image, third, size);
	free(image);
	free(other);
	free(third);
	tree_clear(&t);
	tree_clear(&u);
}

static void hard_links_share_an_inode(void **state)
{
	struct entry list[4];
	struct tree t;
	size_t size;
	char *image;

	tree_init(&t, 0);
	add_text(&t, "m", "bytes", 0755);
	tree_link(add(&t, "a", NODE_HARDLINK, 0755), tree_find(&t, "m"));
	tree_link(add(&t, "z", NODE_HARDLINK, 0755), tree_find(&t, "m"));
	tree_finish(&t);
	image = write_and_read(*state, "initrd", &t, &size);
	assert_int_equal(read_entries(image, size, list, 4), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(list[i].inode, 1);
		assert_int_equal(list[i].links, 3);
		assert_int_equal(list[i].mode, 0100755);
		assert_int_equal(list[i].size, i == 1 ? 5 : 0);
	}
	free(image);
	tree_clear(&t);
}

static void reads_files_of_the_host(void **state)
{
	struct fixture *f = *state;
	char *bytes = malloc(300000), *image;
	struct diag d = {0};
	struct entry list[2];
	struct node *n;
	struct stat st, at;
	struct host_folder folder;
	struct host_file file;
	struct tree t;
	size_t size;

	memset(bytes, 'x', 300000);
	assert_int_equal(file_create(f->fd, "big", bytes, 300000, 0644, &d), 0);
	assert_int_equal(fstatat(f->fd, "big", &st, 0), 0);
	assert_int_equal(fstat(f->fd, &at), 0);
	folder = (struct host_folder){f->path, "", at.st_dev, at.st_ino};
	file = (struct host_file){&folder, "big", st.st_dev, st.st_ino,
		tree_stamp(&st.st_mtim), tree_stamp(&st.st_ctim)};
	tree_init(&t, 0);
	n = add(&t, "big", NODE_FILE, 0644);
	n->size = 300000;
	n->source_kind = SOURCE_HOST;
	n->host = &file;
	tree_finish(&t);
	image = write_and_read(f, "initrd", &t, &size);
	assert_int_equal(read_entries(image, size, list, 2), 1);
	assert_int_equal(list[0].size, 300000);
	assert_memory_equal(list[0].bytes, bytes, 300000);
	free(image);
	/* One that has changed since it was scanned must not get in. */
	assert_int_equal(unlinkat(f->fd, "big", 0), 0);
	assert_int_equal(file_create(f->fd, "big", bytes, 299999, 0644, &d), 0);
	assert_int_equal(cpio_write(f->fd, "second", &t, &d), -1);
	assert_int_equal(faccessat(f->fd, "second", F_OK, 0), -1);
	diag_clear(&d);
	free(bytes);
	tree_clear(&t);
}

static void refuses_what_it_cannot_hold(void **state)
{
	static const struct xattr origin = {"user.origin", "x", 1};
	static const struct xattrs xattrs = {&origin, 1};
	struct fixture *f = *state;
	struct diag d = {0};
	struct tree t;

	tree_init(&t, 0);
	add_text(&t, "a", "a", 0644);
	tree_find(&t, "a")->xattrs = &xattrs;
	tree_finish(&t);
	assert_int_equal(cpio_write(f->fd, "initrd", &t, &d), -1);
	assert_int_equal(d.count, 1);
	assert_string_equal(d.lines[0].text,
		"mini.lua:7: initrd: a: an initrd cannot hold extended attributes");
	assert_int_equal(faccessat(f->fd, "initrd", F_OK, 0), -1);
	diag_clear(&d);
	tree_clear(&t);
}

static void never_overwrites(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};
	struct tree t;
	size_t size;
	char *text;

	assert_int_equal(file_create(f->fd, "initrd", "mine", 4, 0644, &d), 0);
	fill(&t, 0);
	assert_int_equal(cpio_write(f->fd, "initrd", &t, &d), -1);
	text = file_read(f->fd, "initrd", 100, &size, &d);
	assert_string_equal(text, "mine");
	free(text);
	diag_clear(&d);
	tree_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(holds_the_tree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(same_tree_same_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			hard_links_share_an_inode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			reads_files_of_the_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			refuses_what_it_cannot_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(never_overwrites, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
