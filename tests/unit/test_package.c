/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "compiler/package.h"

#define ROOM (1024 * 1024)

struct part {
	const char *path;
	mode_t type;
	mode_t mode;
	const char *text; /* a file's bytes, a symlink's target */
	const char *hardlink;
};

static void add_part(struct archive *a, const struct part *p)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, p->path);
	archive_entry_set_mode(e, p->type | p->mode);
	if (p->type == AE_IFLNK)
		archive_entry_set_symlink(e, p->text);
	if (p->hardlink)
		archive_entry_set_hardlink(e, p->hardlink);
	if (p->type == AE_IFREG && !p->hardlink)
		archive_entry_set_size(e, (la_int64_t)strlen(p->text));
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	if (p->type == AE_IFREG && !p->hardlink)
		archive_write_data(a, p->text, strlen(p->text));
	archive_entry_free(e);
}

static size_t make_tar(char *into, const struct part *parts, size_t count, int filter)
{
	struct archive *a = archive_write_new();
	size_t used;

	archive_write_add_filter(a, filter);
	archive_write_set_format_gnutar(a);
	assert_int_equal(archive_write_open_memory(a, into, ROOM, &used), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++)
		add_part(a, &parts[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return used;
}

static void add_bytes(struct archive *a, const char *name, const char *bytes, size_t size)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, AE_IFREG | 0644);
	archive_entry_set_size(e, (la_int64_t)size);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, bytes, size), (la_ssize_t)size);
	archive_entry_free(e);
}

/* A package at path: ar(debian-binary, control.tar, data.tar…). */
static void make_package(
	const char *path, const char *data_name, const char *data, size_t size)
{
	struct archive *a = archive_write_new();

	archive_write_set_format_ar_bsd(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	add_bytes(a, "debian-binary", "2.0\n", 4);
	add_bytes(a, "control.tar.xz", "not looked at", 13);
	add_bytes(a, data_name, data, size);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

/* One without data: ar(debian-binary, control.tar.xz). */
static void make_control(const char *path, const char *control, size_t size)
{
	struct archive *a = archive_write_new();

	archive_write_set_format_ar_bsd(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	add_bytes(a, "debian-binary", "2.0\n", 4);
	add_bytes(a, "control.tar.xz", control, size);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

struct fixture {
	char folder[32];
	char *path;
	char *data;
	struct buffer seen;
	struct diag diag;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->folder, "/tmp/package.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->path = memory_printf("%s/x.deb", f->folder);
	f->data = malloc(ROOM);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	diag_clear(&f->diag);
	file_remove_tree(AT_FDCWD, f->folder, &f->diag);
	diag_clear(&f->diag);
	buffer_clear(&f->seen);
	free(f->path);
	free(f->data);
	free(f);
	return 0;
}

/* Notes "path type mode text" for each member; stops at one named "stop". */
static int note(const struct member *m, struct package_reader *r, void *context)
{
	static const char types[] = "fdlh";
	struct fixture *f = context;
	struct buffer bytes = {0};
	int rc = 0;

	if (strcmp(m->path, "stop") == 0)
		return 7;
	if (m->type == MEMBER_FILE)
		rc = package_read(r, 100, &bytes, &f->diag);
	buffer_printf(&f->seen, "%s %c %o %s\n", m->path, types[m->type],
		(unsigned)m->mode,
		bytes.bytes ? bytes.bytes
		: m->target ? m->target
			    : "");
	buffer_clear(&bytes);
	return rc;
}

static int walk(struct fixture *f)
{
	buffer_clear(&f->seen);
	buffer_add(&f->seen, "", 0);
	return package_walk(AT_FDCWD, f->path, "x 1.0", note, f, &f->diag);
}

static const struct part ordinary[] = {
	{"./", AE_IFDIR, 0755, NULL, NULL},
	{"./bin/", AE_IFDIR, 0755, NULL, NULL},
	{"./bin/tool", AE_IFREG, 04755, "program", NULL},
	{"./bin/alias", AE_IFLNK, 0777, "../bin/tool", NULL},
	{"./bin/twin", AE_IFREG, 0755, NULL, "./bin/tool"},
	{"/etc//empty", AE_IFREG, 0644, "", NULL},
};

static const char ordinary_seen[] = "bin d 755 \n"
				    "bin/tool f 4755 program\n"
				    "bin/alias l 777 ../bin/tool\n"
				    "bin/twin h 755 bin/tool\n"
				    "etc/empty f 644 \n";

static void reads_each_compression(void **state)
{
	static const struct {
		int filter;
		const char *name;
	} cases[] = {
		{ARCHIVE_FILTER_NONE, "data.tar"},
		{ARCHIVE_FILTER_GZIP, "data.tar.gz"},
		{ARCHIVE_FILTER_XZ, "data.tar.xz"},
		{ARCHIVE_FILTER_ZSTD, "data.tar.zst"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t size = make_tar(f->data, ordinary, 6, cases[i].filter);

		make_package(f->path, cases[i].name, f->data, size);
		assert_int_equal(walk(f), 0);
		assert_string_equal(f->seen.bytes, ordinary_seen);
		assert_int_equal(f->diag.count, 0);
	}
}

static void shows_nothing_that_leads_out(void **state)
{
	static const struct part parts[] = {
		{"../../etc/passwd", AE_IFREG, 0644, "x", NULL},
		{"a/../../b", AE_IFREG, 0644, "x", NULL},
		{"dev/null", AE_IFCHR, 0666, NULL, NULL},
		{"pipe", AE_IFIFO, 0666, NULL, NULL},
		{"twin", AE_IFREG, 0644, NULL, "../../etc/shadow"},
		{"..data", AE_IFREG, 0644, "fine", NULL},
	};
	struct fixture *f = *state;
	size_t size = make_tar(f->data, parts, 6, ARCHIVE_FILTER_NONE);

	make_package(f->path, "data.tar", f->data, size);
	assert_int_equal(walk(f), 0);
	assert_string_equal(f->seen.bytes, "..data f 644 fine\n");
}

static void reads_the_control_file(void **state)
{
	static const struct part parts[] = {
		{"./md5sums", AE_IFREG, 0644, "x", NULL},
		{"./control", AE_IFREG, 0644, "Package: x\n", NULL},
		{"./postinst", AE_IFREG, 0755, "x", NULL},
	};
	struct fixture *f = *state;
	size_t size = make_tar(f->data, parts, 3, ARCHIVE_FILTER_XZ);

	/* What is no archive there. */
	make_package(f->path, "data.tar", f->data, size);
	assert_int_equal(
		package_read_control(AT_FDCWD, f->path, "x.deb", &f->seen, &f->diag), -1);
	diag_clear(&f->diag);
	make_control(f->path, f->data, size);
	assert_int_equal(
		package_read_control(AT_FDCWD, f->path, "x.deb", &f->seen, &f->diag), 0);
	assert_string_equal(f->seen.bytes, "Package: x\n");
	size = make_tar(f->data, parts, 1, ARCHIVE_FILTER_XZ);
	make_control(f->path, f->data, size);
	assert_int_equal(
		package_read_control(AT_FDCWD, f->path, "x.deb", &f->seen, &f->diag), -1);
	assert_string_equal(f->diag.lines[0].text,
		"x.deb: not a Debian package: it has no control file");
	diag_clear(&f->diag);
}

static void stops_when_told(void **state)
{
	static const struct part parts[] = {
		{"a", AE_IFREG, 0644, "x", NULL},
		{"stop", AE_IFREG, 0644, "x", NULL},
		{"b", AE_IFREG, 0644, "x", NULL},
	};
	struct fixture *f = *state;
	size_t size = make_tar(f->data, parts, 3, ARCHIVE_FILTER_NONE);

	make_package(f->path, "data.tar", f->data, size);
	assert_int_equal(walk(f), 7);
	assert_string_equal(f->seen.bytes, "a f 644 x\n");
}

static void refuses_a_member_over_the_limit(void **state)
{
	static const struct part part = {"a", AE_IFREG, 0644,
		"0123456789012345678901234567890123456789012345678901234567890123456789"
		"01234567890123456789012345678901234567890123456789",
		NULL};
	struct fixture *f = *state;
	size_t size = make_tar(f->data, &part, 1, ARCHIVE_FILTER_NONE);

	make_package(f->path, "data.tar", f->data, size);
	assert_int_equal(walk(f), -1);
	assert_string_equal(
		f->diag.lines[0].text, "x 1.0: a member is larger than 100 bytes");
}

static void refuses_what_is_no_package(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};

	assert_int_equal(walk(f), -1); /* no file at all */
	assert_int_equal(f->diag.count, 1);
	diag_clear(&f->diag);
	assert_int_equal(file_create(AT_FDCWD, f->path, "hello", 5, 0644, &d), 0);
	assert_int_equal(walk(f), -1);
	assert_int_equal(f->diag.count, 1);
	diag_clear(&f->diag);
	unlink(f->path);
	make_package(f->path, "other", "x", 1);
	assert_int_equal(walk(f), -1);
	assert_string_equal(
		f->diag.lines[0].text, "x 1.0: not a Debian package: it has no data.tar");
}

/* A package cut anywhere is an error, never a shorter package. */
static void refuses_one_cut_short(void **state)
{
	struct fixture *f = *state;
	size_t size = make_tar(f->data, ordinary, 6, ARCHIVE_FILTER_XZ);
	struct stat st;

	make_package(f->path, "data.tar.xz", f->data, size);
	assert_int_equal(stat(f->path, &st), 0);
	/* ar may pad its end by one byte, which holds nothing. */
	for (off_t length = st.st_size - 2; length >= 0; length -= 7) {
		assert_int_equal(truncate(f->path, length), 0);
		assert_int_equal(walk(f), -1);
		assert_int_equal(f->diag.count, 1);
		diag_clear(&f->diag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			reads_each_compression, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			shows_nothing_that_leads_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			reads_the_control_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stops_when_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			refuses_a_member_over_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			refuses_what_is_no_package, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_one_cut_short, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
