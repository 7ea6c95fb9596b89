/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "runtime/host/snapshot.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MEMORY_BYTES (1u << 20)
#define OUTPUT_BYTES (300u * 4096 + 5)

struct fixture {
	char folder[64];
	int store;
};

static int make_store(void **state)
{
	struct fixture *f = memory_alloc(sizeof(*f));

	strcpy(f->folder, "/tmp/wu-snapshot.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->store = open(f->folder, O_RDONLY | O_DIRECTORY);
	*state = f;
	return f->store < 0 ? -1 : 0;
}

static int remove_store(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};

	close(f->store);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->folder, &d), 0);
	free(f);
	return 0;
}

static void make(struct snapshot *s)
{
	struct diag d = {0};

	assert_int_equal(snapshot_make(s, MEMORY_BYTES, OUTPUT_BYTES, &d), 0);
	assert_int_equal(file_write_at(s->parts[SNAPSHOT_MEMORY], "memory", 6, 8190), 0);
	assert_int_equal(file_write_at(s->parts[SNAPSHOT_STATE], "state", 5, 0), 0);
	assert_int_equal(
		file_write_at(s->parts[SNAPSHOT_OUTPUT], "end", 3, OUTPUT_BYTES - 3), 0);
	assert_int_equal(snapshot_seal(s, &d), 0);
	assert_int_equal(s->sizes[SNAPSHOT_STATE], 5);
}

static void store(int folder)
{
	struct snapshot s;
	struct diag d = {0};

	make(&s);
	assert_int_equal(snapshot_store(&s, folder, KEY, &d), 0);
	snapshot_clear(&s);
}

static void assert_holds(int fd, off_t at, const char *text)
{
	char bytes[16] = "";

	assert_int_equal(pread(fd, bytes, strlen(text), at), strlen(text));
	assert_string_equal(bytes, text);
}

static void what_was_stored_is_loaded(void **state)
{
	struct fixture *f = *state;
	struct snapshot s;
	struct stat st;

	assert_int_equal(snapshot_load(&s, f->store, KEY), 0);
	store(f->store);
	assert_int_equal(snapshot_load(&s, f->store, KEY), 1);
	assert_int_equal(s.sizes[SNAPSHOT_MEMORY], MEMORY_BYTES);
	assert_int_equal(s.sizes[SNAPSHOT_OUTPUT], OUTPUT_BYTES);
	assert_holds(s.parts[SNAPSHOT_MEMORY], 8190, "memory");
	assert_holds(s.parts[SNAPSHOT_STATE], 0, "state");
	assert_holds(s.parts[SNAPSHOT_OUTPUT], OUTPUT_BYTES - 3, "end");
	assert_int_equal(fstat(s.parts[SNAPSHOT_OUTPUT], &st), 0);
	assert_true(st.st_blocks * 512 < 16384);
	assert_int_equal(fstatat(f->store, KEY "/memory", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 < 65536);
	snapshot_clear(&s);
}

static void nothing_changes_what_is_sealed(void **state)
{
	struct snapshot s;
	char path[64];
	void *mapped;
	int fd;
	(void)state;

	make(&s);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s.parts[SNAPSHOT_MEMORY]);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_equal(mapped, MAP_FAILED);
	mapped = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	memcpy((char *)mapped + 8190, "guests", 6);
	assert_holds(s.parts[SNAPSHOT_MEMORY], 8190, "memory");
	munmap(mapped, 16384);
	close(fd);
	snapshot_clear(&s);
}

static void damage(int store, const char *name, int how)
{
	int fd = openat(store, name, O_RDWR);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	if (how == 0)
		assert_int_equal(ftruncate(fd, st.st_size - 1), 0);
	else if (how == 1)
		assert_int_equal(ftruncate(fd, st.st_size + 4096), 0);
	else
		assert_int_equal(pwrite(fd, "!", 1, st.st_size / 2), 1);
	close(fd);
}

static void what_is_damaged_goes_away(void **state)
{
	static const char *const names[] = {
		KEY "/memory", KEY "/state", KEY "/output.img", KEY "/snapshot.json"};
	struct fixture *f = *state;
	struct snapshot s;

	for (int how = 0; how < 3; how++)
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			/* More text after a description that is whole is no damage. */
			if (i == 3 && how == 1)
				continue;
			store(f->store);
			damage(f->store, names[i], how);
			assert_int_equal(snapshot_load(&s, f->store, KEY), 0);
			assert_int_equal(s.parts[0], -1);
			assert_int_equal(snapshot_is_there(f->store, KEY), 0);
		}
}

static void what_is_missing_or_foreign_goes_away(void **state)
{
	struct fixture *f = *state;
	struct snapshot s;

	store(f->store);
	assert_int_equal(unlinkat(f->store, KEY "/state", 0), 0);
	assert_int_equal(snapshot_load(&s, f->store, KEY), 0);
	store(f->store);
	assert_int_equal(unlinkat(f->store, KEY "/state", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->store, KEY "/state"), 0);
	assert_int_equal(snapshot_load(&s, f->store, KEY), 0);
	assert_int_equal(mkdirat(f->store, KEY, 0700), 0);
	assert_int_equal(snapshot_load(&s, f->store, KEY), 0);
	assert_int_equal(snapshot_is_there(f->store, KEY), 0);
}

static void the_oldest_make_way(void **state)
{
	struct fixture *f = *state;
	struct snapshot s;
	struct diag d = {0};
	char key[] = KEY;

	make(&s);
	for (int i = 0; i < SNAPSHOT_KEPT + 3; i++) {
		key[0] = (char)('a' + i % 6);
		key[1] = (char)('0' + i);
		if (key[1] > '9')
			key[1] = 'a';
		assert_int_equal(snapshot_store(&s, f->store, key, &d), 0);
		assert_int_equal(snapshot_is_there(f->store, key), 1);
		usleep(20000);
	}
	key[0] = 'a';
	key[1] = '0';
	assert_int_equal(snapshot_is_there(f->store, key), 0);
	snapshot_clear(&s);
}

static void one_process_makes_it(void **state)
{
	struct fixture *f = *state;
	int first = snapshot_lock(f->store, KEY);

	assert_true(first >= 0);
	assert_int_equal(snapshot_lock(f->store, KEY), -1);
	close(first);
	first = snapshot_lock(f->store, KEY);
	assert_true(first >= 0);
	close(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_stored_is_loaded, make_store, remove_store),
		cmocka_unit_test(nothing_changes_what_is_sealed),
		cmocka_unit_test_setup_teardown(
			what_is_damaged_goes_away, make_store, remove_store),
		cmocka_unit_test_setup_teardown(
			what_is_missing_or_foreign_goes_away, make_store, remove_store),
		cmocka_unit_test_setup_teardown(
			the_oldest_make_way, make_store, remove_store),
		cmocka_unit_test_setup_teardown(
			one_process_makes_it, make_store, remove_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
