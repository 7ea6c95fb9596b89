/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <dirent.h>

#include "compiler/known.h"

#define FILES 5
#define NOW 1000000

static const struct timespec scanned = {NOW, 500000000};

static int64_t stamp(int64_t seconds, long ns)
{
	struct timespec t = {seconds, ns};

	return tree_stamp(&t);
}

static int setup(void **state)
{
	struct scratch *s;

	scratch_setup(state);
	s = *state;
	setenv("XDG_CACHE_HOME", s->path, 1);
	scratch_folder(s, "unit");
	scratch_text(s, "unit/unit.json", "{}");
	return 0;
}

/* A file of the host as a scan finds it; `number` decides all about it. */
static struct node *add_file(struct tree *t, const char *path, unsigned number)
{
	struct host_file *h = arena_alloc(&t->arena, sizeof(*h));
	struct diag d = {0};
	struct node *n = tree_add(t, path, NODE_FILE, 0644, NULL, &d);

	scratch_expect_none(&d);
	h->name = n->name;
	h->device = 3;
	h->inode = 100 + number;
	h->mtime = stamp(NOW - 50, 0);
	h->ctime = stamp(NOW - 40, 123456789);
	n->source_kind = SOURCE_HOST;
	n->host = h;
	n->size = 1000 * number;
	return n;
}

static struct node *file_of(struct tree *t, unsigned number)
{
	char path[16];

	snprintf(path, sizeof(path), "app/%u", number);
	return tree_find(t, path);
}

static struct host_file *host_of(struct tree *t, unsigned number)
{
	return (struct host_file *)(uintptr_t)file_of(t, number)->host;
}

static void make_tree(struct tree *t)
{
	char path[16];

	tree_init(t, 0);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "app/%u", i);
		add_file(t, path, i);
	}
	tree_finish(t);
}

static void measure(struct node *n)
{
	unsigned number = (unsigned)n->host->inode;

	n->measured = 1;
	n->data_blocks = number * 7;
	n->data_runs = number * 3;
	memset(n->sha256, (int)number, sizeof(n->sha256));
}

static int measure_one(struct node *n, void *context)
{
	(void)context;
	if (n->type == NODE_FILE)
		measure(n);
	return 0;
}

static void assert_known(const struct node *n)
{
	struct node same = {.host = n->host};

	measure(&same);
	assert_int_equal(n->measured, 1);
	assert_int_equal(n->data_blocks, same.data_blocks);
	assert_int_equal(n->data_runs, same.data_runs);
	assert_memory_equal(n->sha256, same.sha256, sizeof(n->sha256));
}

static char *unit_path(const struct scratch *s, const char *name)
{
	return memory_printf("%s/%s", s->path, name);
}

static void save(const struct scratch *s, const char *unit, struct tree *t)
{
	char *path = unit_path(s, unit);
	struct known k;

	known_open(&k, path);
	known_save(&k, t, &scanned);
	known_close(&k);
	free(path);
}

static void save_measured(const struct scratch *s, const char *unit)
{
	struct tree t;

	make_tree(&t);
	tree_walk(&t, measure_one, NULL);
	save(s, unit, &t);
	tree_clear(&t);
}

static void apply(const struct scratch *s, const char *unit, struct tree *t)
{
	char *path = unit_path(s, unit);
	struct known k;

	known_open(&k, path);
	known_apply(&k, t);
	known_close(&k);
	free(path);
}

static unsigned count_measured(struct tree *t)
{
	unsigned count = 0;

	for (unsigned i = 0; i < FILES; i++)
		count += file_of(t, i) && file_of(t, i)->measured;
	return count;
}

/* The one file of the cache, relative to the scratch folder. */
static char *cache_file(const struct scratch *s)
{
	char *folder = unit_path(s, "workunit/known"), *found = NULL;
	DIR *dir = opendir(folder);
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		assert_null(found);
		found = memory_printf("workunit/known/%s", e->d_name);
	}
	closedir(dir);
	free(folder);
	assert_non_null(found);
	return found;
}

static void test_round(void **state)
{
	const struct scratch *s = *state;
	struct tree t;

	save_measured(s, "unit");
	make_tree(&t);
	apply(s, "unit", &t);
	for (unsigned i = 0; i < FILES; i++)
		assert_known(file_of(&t, i));
	tree_clear(&t);
	/* Another unit knows nothing of it. */
	make_tree(&t);
	apply(s, "another", &t);
	assert_int_equal(count_measured(&t), 0);
	tree_clear(&t);
}

static void test_changes(void **state)
{
	const struct scratch *s = *state;
	struct tree t;

	save_measured(s, "unit");
	for (int what = 0; what < 6; what++) {
		make_tree(&t);
		host_of(&t, 2)->device += what == 0;
		host_of(&t, 2)->inode += what == 1 ? 50 : 0;
		host_of(&t, 2)->mtime += what == 2;
		host_of(&t, 2)->ctime += what == 3;
		file_of(&t, 2)->size += what == 4;
		/* Another known file in its place is not it either. */
		host_of(&t, 2)->inode += what == 5;
		apply(s, "unit", &t);
		assert_int_equal(file_of(&t, 2)->measured, 0);
		assert_int_equal(count_measured(&t), FILES - 1);
		for (unsigned i = 0; i < FILES; i++)
			if (i != 2)
				assert_known(file_of(&t, i));
		tree_clear(&t);
	}
}

/* Files that are renamed are still what they were; new ones come in between. */
static void test_order(void **state)
{
	const struct scratch *s = *state;
	struct tree t;

	save_measured(s, "unit");
	tree_init(&t, 0);
	add_file(&t, "app/0", 4);
	add_file(&t, "app/1", 77);
	add_file(&t, "app/2", 2);
	add_file(&t, "app/3", 3);
	add_file(&t, "app/4", 2);
	tree_finish(&t);
	apply(s, "unit", &t);
	assert_int_equal(file_of(&t, 1)->measured, 0);
	assert_int_equal(count_measured(&t), 4);
	assert_known(file_of(&t, 0));
	assert_known(file_of(&t, 2));
	assert_known(file_of(&t, 3));
	assert_known(file_of(&t, 4));
	/* What was read is kept, what is gone is not. */
	measure(file_of(&t, 1));
	save(s, "unit", &t);
	tree_clear(&t);
	make_tree(&t);
	apply(s, "unit", &t);
	assert_int_equal(count_measured(&t), 3);
	assert_int_equal(file_of(&t, 0)->measured, 0);
	assert_int_equal(file_of(&t, 1)->measured, 0);
	tree_clear(&t);
}

static void test_unsettled(void **state)
{
	const struct scratch *s = *state;
	struct tree t;

	make_tree(&t);
	tree_walk(&t, measure_one, NULL);
	host_of(&t, 0)->ctime = stamp(NOW - 1, 123456789);
	host_of(&t, 1)->mtime = stamp(NOW - 1, 123456789);
	host_of(&t, 2)->ctime = stamp(NOW + 9, 123456789);
	host_of(&t, 3)->ctime = stamp(NOW - 9, 0);
	host_of(&t, 4)->ctime = stamp(NOW - 9, 20000000);
	save(s, "unit", &t);
	for (unsigned i = 0; i < FILES; i++)
		file_of(&t, i)->measured = 0;
	apply(s, "unit", &t);
	assert_int_equal(count_measured(&t), 0);
	/* The last moment that will do. */
	host_of(&t, 0)->ctime = stamp(NOW - KNOWN_SETTLED_SECONDS, 499999999);
	host_of(&t, 1)->mtime = stamp(NOW - KNOWN_SETTLED_SECONDS, 499999999);
	host_of(&t, 2)->ctime = stamp(NOW - KNOWN_SETTLED_SECONDS, 500000000);
	tree_walk(&t, measure_one, NULL);
	save(s, "unit", &t);
	for (unsigned i = 0; i < FILES; i++)
		file_of(&t, i)->measured = 0;
	apply(s, "unit", &t);
	assert_known(file_of(&t, 0));
	assert_known(file_of(&t, 1));
	assert_int_equal(count_measured(&t), 2);
	tree_clear(&t);
}

static void test_unmeasured(void **state)
{
	const struct scratch *s = *state;
	struct diag d = {0};
	struct tree t;

	make_tree(&t);
	assert_non_null(tree_add_text(&t, "app/text", "x", 1, 0644, NULL, &d));
	measure(file_of(&t, 3));
	save(s, "unit", &t);
	file_of(&t, 3)->measured = 0;
	apply(s, "unit", &t);
	assert_int_equal(count_measured(&t), 1);
	assert_known(file_of(&t, 3));
	tree_clear(&t);
}

static void test_unchanged(void **state)
{
	const struct scratch *s = *state;
	struct stat before, after;
	char *file;

	save_measured(s, "unit");
	file = cache_file(s);
	assert_int_equal(fstatat(s->fd, file, &before, 0), 0);
	assert_int_equal(before.st_mode & 07777, 0600);
	save_measured(s, "unit");
	assert_int_equal(fstatat(s->fd, file, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	free(file);
}

static void assert_ignored(
	const struct scratch *s, const char *file, const char *bytes, size_t size)
{
	struct tree t;

	scratch_write(s, file, bytes, size);
	make_tree(&t);
	apply(s, "unit", &t);
	assert_int_equal(count_measured(&t), 0);
	tree_clear(&t);
}

/* No byte can be another, be missing or be one too many. */
static void test_damage(void **state)
{
	const struct scratch *s = *state;
	struct diag d = {0};
	struct tree t;
	size_t size;
	char *file, *bytes;

	save_measured(s, "unit");
	file = cache_file(s);
	bytes = file_read(s->fd, file, 1 << 20, &size, &d);
	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++) {
		static const unsigned char flips[] = {0x01, 0x80, 0xff};

		for (size_t k = 0; k < sizeof(flips); k++) {
			bytes[i] = (char)(bytes[i] ^ flips[k]);
			assert_ignored(s, file, bytes, size);
			bytes[i] = (char)(bytes[i] ^ flips[k]);
		}
		assert_ignored(s, file, bytes, i);
	}
	assert_ignored(s, file, bytes, size + 1); /* file_read() ends it with a NUL */
	memset(bytes, 0, size);
	assert_ignored(s, file, bytes, size);
	/* The next build mends it. */
	save_measured(s, "unit");
	make_tree(&t);
	apply(s, "unit", &t);
	assert_int_equal(count_measured(&t), FILES);
	tree_clear(&t);
	free(bytes);
	free(file);
}

static void test_foreign(void **state)
{
	const struct scratch *s = *state;
	char *mine, *theirs, *bytes;
	struct diag d = {0};
	size_t size;

	save_measured(s, "unit");
	mine = cache_file(s);
	assert_int_equal(unlinkat(s->fd, mine, 0), 0);
	scratch_folder(s, "unix");
	scratch_text(s, "unix/unit.json", "{}");
	save_measured(s, "unix");
	theirs = cache_file(s);
	assert_string_not_equal(mine, theirs);
	bytes = file_read(s->fd, theirs, 1 << 20, &size, &d);
	assert_ignored(s, mine, bytes, size);
	free(bytes);
	free(mine);
	free(theirs);
}

static void test_no_cache(void **state)
{
	const struct scratch *s = *state;
	struct tree t;

	scratch_text(s, "workunit", "a file in its place");
	save_measured(s, "unit");
	make_tree(&t);
	apply(s, "unit", &t);
	assert_int_equal(count_measured(&t), 0);
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	apply(s, "unit", &t);
	save(s, "unit", &t);
	apply(s, "no/such/unit", &t);
	save(s, "no/such/unit", &t);
	assert_int_equal(count_measured(&t), 0);
	tree_clear(&t);
}

/* What a unit that is gone left goes with the next one that is new. */
static void test_sweep(void **state)
{
	const struct scratch *s = *state;
	char *gone, *living;

	scratch_folder(s, "gone");
	scratch_text(s, "gone/unit.json", "{}");
	save_measured(s, "gone");
	gone = cache_file(s);
	assert_int_equal(unlinkat(s->fd, "gone/unit.json", 0), 0);
	scratch_text(s, "workunit/known/0123.77.tmp", "half of a file");
	save_measured(s, "unit");
	living = cache_file(s);
	assert_string_not_equal(gone, living);
	scratch_folder(s, "third");
	scratch_text(s, "third/unit.json", "{}");
	save_measured(s, "third");
	assert_int_equal(faccessat(s->fd, living, F_OK, 0), 0);
	free(gone);
	free(living);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_changes),
		TEST(test_order),
		TEST(test_unsettled),
		TEST(test_unmeasured),
		TEST(test_unchanged),
		TEST(test_damage),
		TEST(test_foreign),
		TEST(test_no_cache),
		TEST(test_sweep),
	};

	return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
