/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "common/digest.h"
#include "compiler/floppy.h"

static const struct iso_file usual[] = {
	{"args", "beta=1.7", 9, 0},
	{"params.json", "{\"beta\":1.7}\n", 13, 0},
	{"params.sh", "export WU_beta='1.7'\n", 21, 0},
	{"params.txt", "beta=1.7\n", 9, 0},
};

static void write_ok(struct scratch *s, const char *name, int64_t epoch,
	const struct iso_file *files, size_t count, char sha256[DIGEST_HEX])
{
	struct diag d = {0};
	char again[DIGEST_HEX];
	uint64_t size;
	struct stat st;

	if (floppy_write(s->fd, name, "WU_PARAMS", epoch, files, count, sha256, &d) < 0)
		scratch_expect_none(&d);
	assert_int_equal(digest_of_file(s->fd, name, again, &size, &d), 0);
	assert_string_equal(sha256, again);
	assert_int_equal(size, 1474560);
	assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void check_clean(struct scratch *s, const char *name)
{
	struct buffer out = {0};

	scratch_must_run(s, &out, "fsck.fat", "-n", "-v", name);
	if (strstr(out.bytes, "differ") || strstr(out.bytes, "bad"))
		fail_msg("%s", out.bytes);
	buffer_clear(&out);
}

static void test_readers(void **state)
{
	struct scratch *s = *state;
	struct buffer out = {0};
	char sha256[DIGEST_HEX];

	write_ok(s, "a.img", 1700000000, usual, 4, sha256);
	check_clean(s, "a.img");
	scratch_must_run(s, &out, "mdir", "-b", "-i", "a.img", "::");
	assert_string_equal(
		out.bytes, "::/args\n::/params.json\n::/params.sh\n::/params.txt\n");
	scratch_must_run(s, &out, "mdir", "-i", "a.img", "::");
	assert_non_null(strstr(out.bytes, "Volume in drive : is WU_PARAMS"));
	assert_non_null(strstr(out.bytes, "PARAMS~1 JSO"));
	assert_non_null(strstr(out.bytes, "2023-11-14  22:13"));
	for (size_t i = 0; i < 4; i++) {
		char *path = memory_printf("::%s", usual[i].name);

		scratch_must_run(s, &out, "mtype", "-i", "a.img", path);
		assert_int_equal(out.size, usual[i].size);
		assert_memory_equal(out.bytes, usual[i].bytes, usual[i].size);
		free(path);
	}
	buffer_clear(&out);
}

static void test_names(void **state)
{
	static const struct iso_file files[] = {
		{"UPPER.TXT", "1", 1, 0},
		{"a-name-that-is-longer-than-two-entries-of-it", "2", 1, 0},
		{"a-name-that-begins-the-same.text", "3", 1, 0},
		{"twelve.chars", "4", 1, 0},
		{"thirteen.char", "5", 1, 0},
		{"empty", "", 0, 0},
	};
	struct scratch *s = *state;
	struct buffer out = {0};
	char sha256[DIGEST_HEX];

	write_ok(s, "a.img", 0, files, 6, sha256);
	check_clean(s, "a.img");
	for (size_t i = 0; i < 6; i++) {
		char *path = memory_printf("::%s", files[i].name);

		scratch_must_run(s, &out, "mtype", "-i", "a.img", path);
		assert_int_equal(out.size, files[i].size);
		if (files[i].size)
			assert_memory_equal(out.bytes, files[i].bytes, 1);
		free(path);
	}
	buffer_clear(&out);
}

static void test_large(void **state)
{
	const size_t most = 2847 * 512;
	struct scratch *s = *state;
	char *bytes = memory_alloc(most + 1), sha256[DIGEST_HEX];
	struct iso_file files[] = {{"large", bytes, most - 512, 0}, {"one", "x", 1, 0}};
	struct buffer out = {0};
	struct diag d = {0};

	for (size_t i = 0; i < most; i++)
		bytes[i] = (char)(i * 7 + i / 512);
	write_ok(s, "a.img", 0, files, 2, sha256);
	check_clean(s, "a.img");
	scratch_must_run(s, &out, "mtype", "-i", "a.img", "::large");
	assert_int_equal(out.size, most - 512);
	assert_memory_equal(out.bytes, bytes, most - 512);
	files[0].size = most;
	assert_int_equal(
		floppy_write(s->fd, "b.img", "WU_PARAMS", 0, files, 2, sha256, &d), -1);
	assert_string_equal(d.lines[0].text,
		"b.img: expected files that a floppy has room for (1457664 bytes), found "
		"more");
	assert_int_equal(faccessat(s->fd, "b.img", F_OK, 0), -1);
	diag_clear(&d);
	buffer_clear(&out);
	free(bytes);
}

static void test_same_bytes(void **state)
{
	struct scratch *s = *state;
	char first[DIGEST_HEX], again[DIGEST_HEX], later[DIGEST_HEX], other[DIGEST_HEX];
	struct stat st;

	write_ok(s, "a.img", 1, usual, 4, first);
	write_ok(s, "b.img", 1, usual, 4, again);
	write_ok(s, "c.img", 1700000000, usual, 4, later);
	write_ok(s, "d.img", 1, usual, 3, other);
	assert_string_equal(first, again);
	assert_string_not_equal(first, later);
	assert_string_not_equal(first, other);
	/* This version's bytes: raise FLOPPY_WRITER_VERSION where they change. */
	assert_string_equal(first,
		"badfc4e0a8e9c950e890fea169ecb14cfd98be86c6bd3b01edc832f1bd4dc8b0");
	assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
	assert_in_range(st.st_blocks * 512, 1, 65536);
}

static void test_errors(void **state)
{
	static const char *const names[] = {
		"", ".txt", "a.", "a.b.c", "a/b", "a b", "\xc3"};
	struct scratch *s = *state;
	char sha256[DIGEST_HEX];
	struct diag d = {0};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct iso_file file = {names[i], "x", 1, 0};

		assert_int_equal(floppy_write(s->fd, "a.img", "WU_PARAMS", 0, &file, 1,
					 sha256, &d),
			-1);
		assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	}
	diag_clear(&d);
	write_ok(s, "a.img", 0, usual, 1, sha256);
	assert_int_equal(
		floppy_write(s->fd, "a.img", "WU_PARAMS", 0, usual, 1, sha256, &d), -1);
	assert_string_equal(d.lines[0].text, "a.img: File exists");
	diag_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_readers, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_names, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_large, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_same_bytes, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_errors, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
