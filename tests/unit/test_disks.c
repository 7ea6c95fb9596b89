/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "compiler/disks.h"

static struct artifact artifact = {.size_bytes = 6};

static int setup(void **state)
{
	struct scratch *s;

	scratch_setup(state);
	umask(022);
	s = *state;
	setenv("XDG_CACHE_HOME", s->path, 1);
	digest_of_bytes("key", 3, artifact.key);
	digest_of_bytes("bytes\n", 6, artifact.sha256);
	scratch_text(s, "one.img", "bytes\n");
	return 0;
}

static void keep(const struct scratch *s, const char *path)
{
	struct disks disks;

	disks_open(&disks);
	disks_keep(&disks, &artifact, s->fd, path);
	disks_close(&disks);
}

/* Whether the store gives its disk; then it must be the right one. */
static int link_to(const struct scratch *s, const char *path)
{
	struct artifact a = {.size_bytes = 99};
	struct disks disks;
	int rc;

	memcpy(a.key, artifact.key, sizeof(a.key));
	disks_open(&disks);
	rc = disks_link(&disks, &a, s->fd, path);
	disks_close(&disks);
	if (rc) {
		assert_int_equal(a.size_bytes, artifact.size_bytes);
		assert_string_equal(a.sha256, artifact.sha256);
	} else {
		assert_int_equal(a.size_bytes, 99);
	}
	return rc;
}

static ino_t inode_of(const struct scratch *s, const char *path)
{
	struct stat st;

	return fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_ino;
}

static char *stored(const char *ending)
{
	return memory_printf("workunit/disks/%s%s", artifact.key, ending);
}

static void assert_gone(const struct scratch *s)
{
	char *record = stored(""), *image = stored(".img");

	assert_int_equal(inode_of(s, record), 0);
	assert_int_equal(inode_of(s, image), 0);
	free(record);
	free(image);
}

static void test_share(void **state)
{
	const struct scratch *s = *state;

	assert_false(link_to(s, "two.img"));
	keep(s, "one.img");
	assert_true(link_to(s, "two.img"));
	assert_int_equal(inode_of(s, "two.img"), inode_of(s, "one.img"));
	/* Also in the place of what was made meanwhile. */
	scratch_text(s, "three.img", "bytes\n");
	assert_true(link_to(s, "three.img"));
	assert_int_equal(inode_of(s, "three.img"), inode_of(s, "one.img"));
	assert_int_equal(inode_of(s, "three.img.shared"), 0);
	/* It lives as long as any of them. */
	assert_int_equal(unlinkat(s->fd, "one.img", 0), 0);
	assert_int_equal(unlinkat(s->fd, "three.img", 0), 0);
	assert_true(link_to(s, "four.img"));
}

static void test_garbage(void **state)
{
	const struct scratch *s = *state;
	char *left = stored(".123.tmp");

	keep(s, "one.img");
	scratch_text(s, left, "half of");
	assert_int_equal(unlinkat(s->fd, "one.img", 0), 0);
	assert_false(link_to(s, "two.img"));
	assert_gone(s);
	assert_int_equal(inode_of(s, left), 0);
	free(left);
}

static void test_replace(void **state)
{
	const struct scratch *s = *state;

	keep(s, "one.img");
	scratch_text(s, "two.img", "bytes\n");
	keep(s, "two.img");
	keep(s, "two.img"); /* a second time changes nothing */
	assert_true(link_to(s, "three.img"));
	assert_int_equal(inode_of(s, "three.img"), inode_of(s, "two.img"));
	assert_int_not_equal(inode_of(s, "three.img"), inode_of(s, "one.img"));
}

/* Who writes into one unit's disk does not spoil those to come. */
static void test_touched(void **state)
{
	/* Old, so that a write shows whatever the clock's tick. */
	static const struct timespec old[] = {{0, UTIME_OMIT}, {55, 5}};
	static const struct timespec times[] = {{0, UTIME_OMIT}, {77, 5}};
	const struct scratch *s = *state;

	for (int what = 0; what < 4; what++) {
		scratch_text(s, "new.img", "bytes\n");
		utimensat(s->fd, "new.img", old, 0);
		keep(s, "new.img");
		if (what == 0)
			scratch_text(s, "new.img", "bites\n");
		else if (what == 1)
			utimensat(s->fd, "new.img", times, 0);
		else if (what == 2)
			fchmodat(s->fd, "new.img", 0600, 0);
		else
			scratch_text(s, "new.img", "more bytes\n");
		assert_false(link_to(s, "two.img"));
		assert_int_equal(inode_of(s, "two.img"), 0);
		assert_gone(s);
		assert_int_equal(unlinkat(s->fd, "new.img", 0), 0);
	}
}

/* A record with another byte, or fewer, is none. */
static void test_damage(void **state)
{
	const struct scratch *s = *state;
	char *record = stored(""), *bytes;
	struct diag d = {0};
	size_t size;

	keep(s, "one.img");
	bytes = file_read(s->fd, record, 4096, &size, &d);
	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++) {
		static const unsigned char flips[] = {0x01, 0x02, 0x20, 0x80};

		for (size_t k = 0; k < sizeof(flips); k++) {
			bytes[i] = (char)(bytes[i] ^ flips[k]);
			scratch_write(s, record, bytes, size);
			assert_false(link_to(s, "two.img"));
			bytes[i] = (char)(bytes[i] ^ flips[k]);
		}
		scratch_write(s, record, bytes, i);
		assert_false(link_to(s, "two.img"));
	}
	scratch_write(s, record, bytes, size + 1);
	assert_false(link_to(s, "two.img"));
	scratch_write(s, record, bytes, size);
	assert_true(link_to(s, "two.img"));
	free(bytes);
	free(record);
}

static void test_no_store(void **state)
{
	const struct scratch *s = *state;

	scratch_text(s, "workunit", "a file in its place");
	keep(s, "one.img");
	assert_false(link_to(s, "two.img"));
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	keep(s, "one.img");
	assert_false(link_to(s, "two.img"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_share),
		TEST(test_garbage),
		TEST(test_replace),
		TEST(test_touched),
		TEST(test_damage),
		TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("disks", tests, NULL, NULL);
}
