/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scanned.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdio.h>

#include "compiler/stream.h"

/* "é" composed, "é" as e and an accent, and a byte that is no UTF-8. */
#define COMPOSED "\xc3\xa9"
#define DECOMPOSED "e\xcc\x81"
#define LATIN "\xe9"

struct member {
	const char *path;
	unsigned type; /* AE_IF… , or 0: a hard link to `text` */
	unsigned mode;
	const char *text;
};

static void put_member(struct archive *a, const struct member *m)
{
	struct archive_entry *e = archive_entry_new();
	size_t size = m->type == AE_IFREG ? strlen(m->text) : 0;

	archive_entry_set_pathname(e, m->path);
	archive_entry_set_mode(e, (mode_t)(m->type ? m->type : AE_IFREG) | m->mode);
	if (m->type == AE_IFREG)
		archive_entry_set_size(e, (la_int64_t)size);
	if (m->type == AE_IFLNK)
		archive_entry_set_symlink(e, m->text);
	if (m->type == 0)
		archive_entry_set_hardlink(e, m->text);
	if (strcmp(m->path, "marked") == 0) {
		archive_entry_xattr_add_entry(e, "user.a", "1", 1);
		archive_entry_xattr_add_entry(e, "security.b", "2", 1);
		archive_entry_xattr_add_entry(e, "user.c", "3", 1);
	}
	if (archive_write_header(a, e) < ARCHIVE_WARN)
		fail_msg("%s: %s", m->path, archive_error_string(a));
	if (size)
		assert_int_equal(archive_write_data(a, m->text, size), size);
	archive_entry_free(e);
}

static void make_archive(struct scratch *s, const char *name,
	int (*format)(struct archive *), int (*filter)(struct archive *),
	const struct member *list, size_t count)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct archive *a = archive_write_new();

	assert_true(fd >= 0);
	assert_int_equal(format(a), ARCHIVE_OK);
	if (filter)
		assert_int_equal(filter(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++)
		put_member(a, &list[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	close(fd);
}

#define MAKE(name, format, filter, ...)                                                  \
	do {                                                                             \
		const struct member list_[] = {__VA_ARGS__};                             \
		make_archive(s, name, format, filter, list_,                             \
			sizeof(list_) / sizeof(list_[0]));                               \
	} while (0)

static struct item item_of(const char *name, unsigned strip)
{
	return (struct item){.kind = ITEM_ARCHIVE,
		.source = name,
		.mode = -1,
		.strip = strip,
		.place = {"r.lua", 4, "app[1]"}};
}

static void expect(struct scratch *s, const struct item *item, const char *text)
{
	scanned_expect(s, item, 1, text);
}

static void expect_failure(struct scratch *s, const struct item *item, const char *text)
{
	struct tree t;
	struct diag d = {0};

	assert_int_equal(scanned_tree(s, &t, item, 1, &d), -1);
	if (d.count != 1)
		fail_msg("expected one message, found %zu", d.count);
	if (!strstr(d.lines[0].text, text))
		fail_msg("expected \"%s\", found \"%s\"", text, d.lines[0].text);
	diag_clear(&d);
	tree_clear(&t);
}

static void test_formats(void **state)
{
	static int (*const filters[])(struct archive *) = {NULL,
		archive_write_add_filter_gzip, archive_write_add_filter_bzip2,
		archive_write_add_filter_xz, archive_write_add_filter_zstd};
	static int (*const formats[])(struct archive *) = {archive_write_set_format_ustar,
		archive_write_set_format_gnutar, archive_write_set_format_pax,
		archive_write_set_format_zip};
	struct scratch *s = *state;
	struct item item = item_of("x", 0);

	for (size_t i = 0; i < 5 + 3; i++) {
		MAKE("x", formats[i < 5 ? 0 : i - 4], i < 5 ? filters[i] : NULL,
			{"./", AE_IFDIR, 0700, ""}, {"d/", AE_IFDIR, 0700, ""},
			{"d/run", AE_IFREG, 04710, "12345"},
			{"plain", AE_IFREG, 0600, "123"},
			{"link", AE_IFLNK, 0777, "../d"});
		expect(s, &item,
			"d0755 app\nd0755 app/d\nf0755 app/d/run 5\n"
			"l0777 app/link -> ../d\nf0644 app/plain 3\n");
	}
	item.dest = "in/it";
	item.mode = 0600;
	expect(s, &item,
		"d0755 app\nd0755 app/in\nd0755 app/in/it\nd0755 app/in/it/d\n"
		"f0600 app/in/it/d/run 5\nl0777 app/in/it/link -> ../d\n"
		"f0600 app/in/it/plain 3\n");
}

static void test_strip(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of("x.tar", 1);

	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"top/", AE_IFDIR, 0755, ""},
		{"top/a", AE_IFREG, 0644, "a"}, {"./top/d/b", AE_IFREG, 0644, "b"},
		{"top/c", 0, 0644, "top/d/b"}, {"alone", AE_IFREG, 0644, "x"});
	expect(s, &item,
		"d0755 app\nf0644 app/a 1\n=0644 app/c = app/d/b\nd0755 app/d\n"
		"f0644 app/d/b 1\n");
}

static void test_later_counts(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of("x.tar", 0);
	struct tree t;
	struct diag d = {0};

	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"a", AE_IFREG, 0644, "old"},
		{"b", 0, 0644, "a"}, {"c", 0, 0644, "b"}, {"c", 0, 0644, "c"},
		{"a", AE_IFREG, 0755, "newer"}, {"l", AE_IFREG, 0644, "x"},
		{"l", AE_IFLNK, 0777, "t"});
	expect(s, &item,
		"d0755 app\nf0755 app/a 5\nf0644 app/b 3\n=0644 app/c = app/b\n"
		"l0777 app/l -> t\n");
	/* But not over what another item brought. */
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"a", AE_IFREG, 0644, "old"});
	{
		const struct item list[] = {item, item};
		struct items items = {.list = list, .count = 2};
		struct scan_options o = {.folder = s->path};

		tree_init(&t, 0);
		assert_int_equal(scan_items(&t, "app", &items, &o, &d), -1);
		scratch_expect(&d,
			"r.lua:4: app[1]: expected a new name, found app/a already there "
			"(from r.lua:4: app[1])");
		tree_clear(&t);
	}
}

static void test_hostile(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of("x.tar", 0);

	MAKE("x.tar", archive_write_set_format_ustar, NULL,
		{"/etc/x", AE_IFREG, 0644, "x"});
	expect_failure(s, &item,
		"r.lua:4: app[1]: x.tar: /etc/x: expected a path inside the archive's "
		"folder");
	MAKE("x.tar", archive_write_set_format_ustar, NULL,
		{"a/../../x", AE_IFREG, 0644, "x"});
	expect_failure(s, &item, "x.tar: a/../../x: expected a path inside");
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"b", 0, 0644, "../x"});
	expect_failure(
		s, &item, "x.tar: b: a hard link to ../x, which is no earlier file");
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"b", 0, 0644, "later"},
		{"later", AE_IFREG, 0644, "x"});
	expect_failure(s, &item, "x.tar: b: a hard link to later, which is no earlier");
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"tty", AE_IFCHR, 0644, ""});
	expect_failure(s, &item, "x.tar: tty: expected files, folders and links");
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"pipe", AE_IFIFO, 0644, ""});
	expect_failure(s, &item, "x.tar: pipe: expected files, folders and links");
	/* A link is only a text here: nothing is written through it. */
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"l", AE_IFLNK, 0777, "/etc"},
		{"l/passwd", AE_IFREG, 0644, "x"});
	expect_failure(s, &item, "expected a folder, found app/l as a file");
}

static void test_damaged(void **state)
{
	static const char none[] =
		"r.lua:4: app[1]: x.tar: Unrecognized archive format: expected zip, or "
		"tar (plain or packed with gzip, bzip2, xz or zstd)";
	static int (*const filters[])(struct archive *) = {archive_write_add_filter_gzip,
		archive_write_add_filter_xz, archive_write_add_filter_zstd};
	struct scratch *s = *state;
	struct item item = item_of("x.tar", 0);
	static char text[200001];
	struct diag d = {0};
	int fd;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('a' + (i * i / 7 + i * 31) % 26);
	scratch_text(s, "x.tar", "no archive at all, but a text");
	expect_failure(s, &item, none);
	scratch_text(s, "x.tar", "");
	expect_failure(s, &item, none);
	for (int i = 0; i < 3; i++) {
		char *bytes;
		size_t size;

		MAKE("x.tar", archive_write_set_format_ustar, filters[i],
			{"f", AE_IFREG, 0644, text});
		bytes = file_read(s->fd, "x.tar", 1 << 20, &size, &d);
		assert_non_null(bytes);
		scratch_write(s, "x.tar", bytes, size / 2);
		expect_failure(s, &item, "r.lua:4: app[1]: x.tar: ");
		/* Cut or changed where only a checksum can tell. */
		if (i == 0) {
			scratch_write(s, "x.tar", bytes, size - 3);
			expect_failure(s, &item, "x.tar: the gzip data end too early");
			bytes[size - 6] ^= 1;
			scratch_write(s, "x.tar", bytes, size);
			expect_failure(s, &item, "x.tar: ");
		}
		free(bytes);
	}
	MAKE("x.tar", archive_write_set_format_ustar, NULL, {"f", AE_IFREG, 0644, text});
	fd = openat(s->fd, "x.tar", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 100000), 0);
	close(fd);
	expect_failure(s, &item, "r.lua:4: app[1]: x.tar: f: Truncated tar archive");
}

/* What tar pads a file of so many bytes with is in a filter's next buffer. */
#define PADDED_BYTES 129536

static void fill_with_noise(char *bytes, size_t size)
{
	uint32_t random = 1;

	for (size_t i = 0; i < size; i++) {
		random ^= random << 13;
		random ^= random >> 17;
		random ^= random << 5;
		bytes[i] = (char)(random >> 8);
	}
}

/* Checksums stand behind what a reader of tar files asks for. A changed bit of what could
 * not be packed any smaller leaves all else as it was; bzip2 moves every bit. */
static void test_checksums(void **state)
{
	static const struct {
		const char *program, *name, *cut, *changed;
	} all[] = {
		{"gzip", "x.tar.gz", "x.tar.gz: the gzip data end too early",
			"x.tar.gz: incorrect data check"},
		{"bzip2", "x.tar.bz2", "x.tar.bz2: the bzip2 data end too early", NULL},
		{"xz", "x.tar.xz", "x.tar.xz: the xz data end too early",
			"x.tar.xz: Lzma library error: Corrupted input data"},
		{"zstd", "x.tar.zst", "x.tar.zst: the zstd data end too early",
			"x.tar.zst: Zstd decompression failed: Restored data doesn't "
			"match checksum"},
	};
	static char noise[PADDED_BYTES];
	struct scratch *s = *state;
	struct buffer out = {0};

	fill_with_noise(noise, sizeof(noise));
	scratch_write(s, "f", noise, sizeof(noise));
	scratch_must_run(s, &out, "tar", "-cf", "x.tar", "f");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct item item = item_of(all[i].name, 0);
		struct diag d = {0};
		size_t size;
		char *bytes, *found;

		scratch_must_run(s, &out, all[i].program, "-k", "x.tar");
		expect(s, &item, "d0755 app\nf0644 app/f 129536\n");
		bytes = file_read(s->fd, all[i].name, 1 << 20, &size, &d);
		assert_non_null(bytes);
		scratch_write(s, all[i].name, bytes, size - 3);
		expect_failure(s, &item, all[i].cut);
		found = memmem(bytes, size, noise + 60000, 8);
		if (all[i].changed) {
			assert_non_null(found);
			*found ^= 16;
			scratch_write(s, all[i].name, bytes, size);
			expect_failure(s, &item, all[i].changed);
		}
		free(bytes);
	}
	buffer_clear(&out);
}

/* Tapes pad with zeros, which xz takes by fours and zstd not at all. */
static void test_followed(void **state)
{
	static const char xz[] = "x.tar.xz: something follows the xz data";
	static const char zstd[] = "x.tar.zst: something follows the zstd data";
	static char noise[PADDED_BYTES], zeros[10240], many[4000];
	static const struct {
		const char *program, *name, *bytes;
		size_t size;
		const char *failure;
	} all[] = {
		{"xz", "x.tar.xz", "\n", 1, xz},
		{"xz", "x.tar.xz", "junk\n", 5, xz},
		{"xz", "x.tar.xz", "\0\0\0\0\0\0\0\0junk\n", 13, xz},
		{"xz", "x.tar.xz", many, sizeof(many), xz},
		{"xz", "x.tar.xz", zeros, 3, xz},
		{"xz", "x.tar.xz", zeros, 511, xz},
		{"xz", "x.tar.xz", zeros, 4, NULL},
		{"xz", "x.tar.xz", zeros, sizeof(zeros), NULL},
		{"xz", "x.tar.xz", "\xfd\x37zXZ", 5,
			"x.tar.xz: the xz data end too early"},
		{"zstd", "x.tar.zst", "\n", 1, zstd},
		{"zstd", "x.tar.zst", "junk\n", 5, zstd},
		{"zstd", "x.tar.zst", zeros, 512, zstd},
	};
	struct scratch *s = *state;
	struct buffer out = {0};

	fill_with_noise(noise, sizeof(noise));
	memset(many, 'x', sizeof(many));
	for (size_t i = 0; i < 2 * sizeof(all) / sizeof(all[0]); i++) {
		int small = i % 2;
		struct item item = item_of(all[i / 2].name, 0);
		int fd;

		scratch_write(s, "f", noise, small ? 1 : sizeof(noise));
		scratch_must_run(s, &out, "tar", "-cf", "x.tar", "f");
		scratch_must_run(s, &out, all[i / 2].program, "-kf", "x.tar");
		fd = openat(s->fd, item.source, O_WRONLY | O_APPEND | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(
			write(fd, all[i / 2].bytes, all[i / 2].size), all[i / 2].size);
		close(fd);
		if (all[i / 2].failure)
			expect_failure(s, &item, all[i / 2].failure);
		else
			expect(s, &item,
				small ? "d0755 app\nf0644 app/f 1\n"
				      : "d0755 app\nf0644 app/f 129536\n");
	}
	buffer_clear(&out);
}

/* No member at all: fine in an empty tar file, filtered or not; but zeros, which end a
 * tar file, are also how a disk begins. */
static void test_empty(void **state)
{
	static const char none[] =
		"r.lua:4: app[1]: x: expected an archive, found no file";
	static int (*const filters[])(struct archive *) = {NULL,
		archive_write_add_filter_gzip, archive_write_add_filter_bzip2,
		archive_write_add_filter_xz, archive_write_add_filter_zstd};
	struct scratch *s = *state;
	struct item item = item_of("x", 0);
	static char bytes[20480];
	struct archive_entry *e;
	struct archive *a;
	int fd;

	for (size_t i = 0; i < 5; i++) {
		make_archive(s, "x", archive_write_set_format_ustar, filters[i], NULL, 0);
		expect(s, &item, "d0755 app\n");
	}
	scratch_write(s, "x", bytes, 10240);
	expect(s, &item, "d0755 app\n");
	scratch_write(s, "x", bytes, 10752);
	expect_failure(s, &item, none);
	bytes[1080] = 'S';
	scratch_write(s, "x", bytes, 4096);
	expect_failure(s, &item, none);
	scratch_write(s, "x", bytes, sizeof(bytes));
	expect_failure(s, &item, none);
	for (size_t i = 1; i < 5; i++) {
		fd = openat(s->fd, "x", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		a = archive_write_new();
		assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
		assert_int_equal(filters[i](a), ARCHIVE_OK);
		assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
		e = archive_entry_new();
		archive_entry_set_filetype(e, AE_IFREG);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		assert_int_equal(
			archive_write_data(a, bytes, sizeof(bytes)), sizeof(bytes));
		archive_entry_free(e);
		assert_int_equal(archive_write_close(a), ARCHIVE_OK);
		archive_write_free(a);
		close(fd);
		expect_failure(s, &item, none);
	}
}

/* Names in tar files are bytes: of any encoding, in any locale, never composed anew. In
 * zip files they are UTF-8. */
static void test_names(void **state)
{
	static int (*const formats[])(struct archive *) = {archive_write_set_format_ustar,
		archive_write_set_format_gnutar, archive_write_set_format_pax};
	static const char *const locales[] = {"C", "C.UTF-8"};
	struct scratch *s = *state;
	struct item item = item_of("x", 0);

	for (size_t i = 0; i < 3; i++) {
		assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
		MAKE("x", formats[i], NULL, {COMPOSED, AE_IFREG, 0644, "x"},
			{DECOMPOSED, AE_IFREG, 0644, "x"},
			{"l", AE_IFLNK, 0777, DECOMPOSED});
		for (size_t j = 0; j < 2; j++) {
			assert_non_null(setlocale(LC_ALL, locales[j]));
			expect(s, &item,
				"d0755 app\nf0644 app/" DECOMPOSED
				" 1\nl0777 app/l -> " DECOMPOSED "\nf0644 app/" COMPOSED
				" 1\n");
		}
		assert_non_null(setlocale(LC_ALL, "C"));
	}
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	MAKE("x", archive_write_set_format_zip, NULL, {DECOMPOSED, AE_IFREG, 0644, "x"},
		{"p", AE_IFREG, 0644, "x"});
	for (size_t j = 0; j < 2; j++) {
		assert_non_null(setlocale(LC_ALL, locales[j]));
		expect(s, &item, "d0755 app\nf0644 app/p 1\nf0644 app/" COMPOSED " 1\n");
	}
	assert_non_null(setlocale(LC_ALL, "C"));
	MAKE("x", archive_write_set_format_ustar, NULL, {LATIN, AE_IFREG, 0644, "x"});
	expect(s, &item, "d0755 app\nf0644 app/" LATIN " 1\n");
}

static void test_xattrs(void **state)
{
	static const struct xattr given = {"user.a", "given", 5};
	static const struct xattrs xattrs = {&given, 1};
	struct scratch *s = *state;
	struct item item = item_of("x.tar", 0);

	MAKE("x.tar", archive_write_set_format_pax, NULL, {"marked", AE_IFREG, 0644, "x"},
		{"other", AE_IFREG, 0644, "x"});
	expect(s, &item,
		"d0755 app\nf0644 app/marked 1 user.a user.c\nf0644 app/other 1\n");
	item.xattrs = &xattrs;
	expect(s, &item,
		"d0755 app\nf0644 app/marked 1 user.a user.c\nf0644 app/other 1 "
		"user.a\n");
}

/* GNU tar's sparse members stay sparse. */
static void test_sparse(void **state)
{
	struct scratch *s = *state;
	struct item item = item_of("x.tar", 0);
	struct buffer out = {0};
	struct tree t;
	struct diag d = {0};
	struct node *n;
	struct stat st;
	char sha256[DIGEST_HEX], found[DIGEST_HEX];
	int fd = openat(s->fd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_int_equal(file_write_at(fd, "middle", 6, 50 << 20), 0);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	assert_int_equal(digest_of_fd(fd, "f", sha256, NULL, &d), 0);
	close(fd);
	scratch_must_run(s, &out, "tar", "-cSf", "x.tar", "f");
	assert_int_equal(scanned_tree(s, &t, &item, 1, &d), 0);
	n = tree_find(&t, "app/f");
	assert_non_null(n);
	assert_int_equal(n->size, 100 << 20);
	assert_int_equal(stream_files(&t, &(struct stream_options){0}, NULL, &d), 0);
	digest_to_hex(n->sha256, found);
	assert_string_equal(found, sha256);
	assert_int_equal(n->data_blocks, 1);
	assert_int_equal(fstat(t.spool, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 < 1 << 20);
	tree_clear(&t);
	buffer_clear(&out);
}

#define WITH_FOLDER(test)                                                                \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_formats),
		WITH_FOLDER(test_strip),
		WITH_FOLDER(test_later_counts),
		WITH_FOLDER(test_hostile),
		WITH_FOLDER(test_damaged),
		WITH_FOLDER(test_checksums),
		WITH_FOLDER(test_followed),
		WITH_FOLDER(test_empty),
		WITH_FOLDER(test_names),
		WITH_FOLDER(test_xattrs),
		WITH_FOLDER(test_sparse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
