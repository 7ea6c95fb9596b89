/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include "compiler/scan.h"

#define THREADS 4

/* What happens behind the walk's back, by the functions below, which take the place of
 * the C library's. */
static struct {
	const struct scratch *scratch;
	int hides_types;
} meanwhile;

static void *next_of(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	assert_non_null(f);
	return f;
}

/* A file "vanishes…" or is "replaced…" after its folder was listed, or is "denied…". */
int fstatat(int folder, const char *restrict name, struct stat *restrict st, int flags)
{
	int (*next)(int, const char *, struct stat *, int) =
		(int (*)(int, const char *, struct stat *, int))next_of("fstatat");

	if (meanwhile.scratch && strncmp(name, "vanishes", 8) == 0)
		unlinkat(folder, name, 0);
	if (meanwhile.scratch && strncmp(name, "replaced", 8) == 0) {
		unlinkat(folder, name, 0);
		symlinkat("elsewhere", folder, name);
	}
	if (strncmp(name, "denied", 6) == 0) {
		errno = EACCES;
		return -1;
	}
	return next(folder, name, st, flags);
}

struct dirent *readdir(DIR *dir)
{
	struct dirent *(*next)(DIR *) = (struct dirent * (*)(DIR *)) next_of("readdir");
	struct dirent *e = next(dir);

	if (e && meanwhile.hides_types)
		e->d_type = DT_UNKNOWN;
	return e;
}

static void make_files(const struct scratch *s, const char *folder, size_t count)
{
	struct arena a = {0};

	scratch_folder(s, folder);
	for (size_t i = 0; i < count; i++)
		scratch_text(s, arena_printf(&a, "%s/f%05zu", folder, i), "x\n");
	arena_clear(&a);
}

/* Scans "data" of the scratch folder. */
static int scan_data(const struct scratch *s, unsigned threads, struct tree *t,
	struct diag *d, unsigned keep)
{
	static const struct place place = {"r.lua", 4, "app[1]"};
	const struct item item = {.kind = ITEM_PATH,
		.source = "data",
		.mode = -1,
		.keep = keep,
		.place = place};
	struct scan_options o = {.folder = s->path, .threads = threads};
	struct items items = {.list = &item, .count = 1};
	int rc;

	tree_init(t, 0);
	rc = scan_items(t, "", &items, &o, d);
	tree_finish(t);
	return rc;
}

static void add_text(void *context, const char *text, size_t size)
{
	buffer_add(context, text, size);
}

#define KEEP_ALL (KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS | KEEP_DEVICES)

static void list_data(
	const struct scratch *s, unsigned threads, unsigned keep, struct buffer *b)
{
	struct tree t;
	struct diag d = {0};
	int rc = scan_data(s, threads, &t, &d, keep);

	scratch_expect_none(&d);
	assert_int_equal(rc, 0);
	tree_list(&t, 0, add_text, b);
	tree_clear(&t);
}

/* With any number of threads, and where folders do not tell types. */
static void expect_same(const struct scratch *s, unsigned keep, struct buffer *b)
{
	list_data(s, 1, keep, b);
	for (unsigned threads = 1; threads <= THREADS; threads++) {
		struct buffer other = {0};

		meanwhile.hides_types = threads == 1;
		list_data(s, threads, keep, &other);
		meanwhile.hides_types = 0;
		assert_string_equal(other.bytes, b->bytes);
		buffer_clear(&other);
	}
}

static size_t count_text(const char *text, const char *what)
{
	size_t count = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		count++;
	return count;
}

static void set_attributes(const struct scratch *s, const char *name)
{
	struct arena a = {0};
	const char *path = arena_printf(&a, "%s/%s", s->path, name);

	if (lsetxattr(path, "user.origin", "here", 4, 0) < 0 && errno == ENOTSUP)
		print_message("no user attributes in %s: left out\n", s->path);
	arena_clear(&a);
}

static void test_any_threads(void **state)
{
	struct scratch *s = *state;
	struct buffer b = {0};

	scratch_folder(s, "data");
	make_files(s, "data/a", 700);
	make_files(s, "data/a/deep", 100);
	make_files(s, "data/b", 3);
	make_files(s, "data/c", 900);
	scratch_folder(s, "data/empty");
	assert_int_equal(fchmodat(s->fd, "data/c/f00100", 0751, 0), 0);
	assert_int_equal(symlinkat("f00000", s->fd, "data/c/f00000-link"), 0);
	assert_int_equal(mkfifoat(s->fd, "data/c/f00800-pipe", 0600), 0);
	for (int i = 0; i < 900; i += 100) {
		char from[64], to[64];

		snprintf(from, sizeof(from), "data/c/f%05d", i);
		snprintf(to, sizeof(to), "data/%s/%d-twin", i % 200 ? "a" : "b", i);
		assert_int_equal(linkat(s->fd, from, s->fd, to, 0), 0);
		set_attributes(s, i % 200 ? from : "data/a/f00007");
	}
	expect_same(s, KEEP_ALL, &b);
	assert_int_equal(count_text(b.bytes, " nlink=2 "), 18);
	assert_int_equal(count_text(b.bytes, "type=fifo"), 1);
	buffer_clear(&b);
	expect_same(s, KEEP_DEVICES, &b);
	assert_int_equal(count_text(b.bytes, "mode=0755 "), 2 + 7);
	buffer_clear(&b);
}

/* Each message at the place that its entry has in the tree, whoever found it out. */
static void expect_messages(const struct scratch *s, const struct buffer *wanted)
{
	for (unsigned threads = 1; threads <= THREADS; threads++) {
		struct buffer b = {0};
		struct tree t;
		struct diag d = {0};

		assert_int_equal(scan_data(s, threads, &t, &d, 0), -1);
		for (size_t i = 0; i < d.count; i++)
			buffer_printf(&b, "%s\n", d.lines[i].text);
		assert_string_equal(b.bytes, wanted->bytes);
		buffer_clear(&b);
		diag_clear(&d);
		tree_clear(&t);
	}
}

#define PLACE "r.lua:4: app[1]: "

static void test_messages_in_order(void **state)
{
	static const char *const pipes[] = {"data/a/f00300-pipe", "data/c/f00600-pipe"};
	struct scratch *s = *state;
	struct buffer wanted = {0};
	struct arena a = {0};

	scratch_folder(s, "data");
	make_files(s, "data/a", 500);
	make_files(s, "data/b", 1);
	make_files(s, "data/c", 700);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mkfifoat(s->fd, pipes[i], 0600), 0);
		for (int j = 0; i == 0 && j < 300; j++)
			scratch_text(s, arena_printf(&a, "data/b/denied%03d", j), "");
		buffer_printf(&wanted,
			PLACE "expected files, folders and links, found a named pipe at "
			      "%s\n",
			pipes[i]);
		for (int j = 0; i == 0 && j < 300; j++)
			buffer_printf(&wanted,
				PLACE "data/b/denied%03d: Permission denied\n", j);
	}
	expect_messages(s, &wanted);
	buffer_clear(&wanted);
	arena_clear(&a);
}

static void test_changes_meanwhile(void **state)
{
	struct scratch *s = *state;

	scratch_folder(s, "data");
	make_files(s, "data/a", 600);
	make_files(s, "data/b", 100);
	meanwhile.scratch = s;
	for (unsigned threads = 1; threads <= THREADS; threads++) {
		struct tree t;
		struct diag d = {0};

		unlinkat(s->fd, "data/a/replaced", 0);
		scratch_text(s, "data/a/replaced", "x");
		scratch_text(s, "data/b/vanishes", "x");
		assert_int_equal(scan_data(s, threads, &t, &d, 0), -1);
		scratch_expect(&d, PLACE "data/a/replaced: changed while it was read",
			PLACE "data/b/vanishes: No such file or directory");
		tree_clear(&t);
	}
	meanwhile.scratch = NULL;
}

/* Folders that wait for their answers must not take the descriptors that the walk needs.
 */
static void test_few_descriptors(void **state)
{
	struct scratch *s = *state;
	struct buffer all = {0}, b = {0};
	struct rlimit before, few;
	char path[256] = "data";
	int fd;

	scratch_folder(s, "data");
	for (int i = 0; i < 12; i++) {
		size_t end = strlen(path);

		for (int j = 0; j < 20; j++) {
			snprintf(path + end, sizeof(path) - end, "/a%02d", j);
			make_files(s, path, 3);
		}
		snprintf(path + end, sizeof(path) - end, "/b");
		make_files(s, path, 3);
	}
	list_data(s, 1, 0, &all);
	fd = dup(s->fd);
	assert_int_equal(close_range((unsigned)fd, ~0U, 0), 0); /* inherited ones too */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)fd + 14; /* 13 folders, and the listing of the last */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	expect_same(s, 0, &b);
	assert_string_equal(b.bytes, all.bytes);
	few.rlim_cur--;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (unsigned threads = 1; threads <= THREADS; threads++) {
		struct tree t;
		struct diag d = {0};

		assert_int_equal(scan_data(s, threads, &t, &d, 0), -1);
		assert_non_null(strstr(d.lines[0].text, ": Too many open files"));
		diag_clear(&d);
		tree_clear(&t);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	buffer_clear(&all);
	buffer_clear(&b);
}

#define WITH_FOLDER(test)                                                                \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_any_threads),
		WITH_FOLDER(test_messages_in_order),
		WITH_FOLDER(test_changes_meanwhile),
		WITH_FOLDER(test_few_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
