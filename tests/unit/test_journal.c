/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal: never a wrong result and never a lost one, whatever happened to the file.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "runtime/host/journal.h"
#include "runtime/host/results.h"

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define COUNT 5

struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	struct place *p = memory_alloc(sizeof(*p));

	strcpy(p->path, "/tmp/test_journal.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	struct diag d = {0};

	close(p->fd);
	assert_int_equal(file_remove_tree(AT_FDCWD, p->path, &d), 0);
	free(p);
	return 0;
}

static void name(char id[WU_ID_DIGITS + 1], unsigned number)
{
	snprintf(id, WU_ID_DIGITS + 1, "%012x", number);
}

static json_t *make_result(unsigned number, const char *class, int wall_ms)
{
	char id[WU_ID_DIGITS + 1];

	name(id, number);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:n, s:i, s:i, s:{s:i}}", "id", id,
		"class", class, "reason", "a \"reason\"", "key", KEY, "exit_status",
		(int)number, "signal", "wall_ms", wall_ms, "cpu_ms", 7, "host",
		"limit_ms", 3000);
}

static void add(struct journal *j, unsigned number, const char *class, int wall_ms)
{
	json_t *result = make_result(number, class, wall_ms);

	journal_add(j, result, 1000 + number, 99);
	json_decref(result);
}

/* 1 where it is there, as it was added; a wrong one ends the test. */
static int has(const struct journal *j, unsigned number)
{
	const struct journal_entry *e;
	char id[WU_ID_DIGITS + 1];

	name(id, number);
	e = journal_find(j, id);
	if (!e)
		return 0;
	assert_string_equal(e->id, id);
	assert_string_equal(e->class, "app-failed");
	assert_string_equal(e->reason, "a \"reason\"");
	assert_string_equal(e->key, KEY);
	assert_int_equal(e->exit_status, number);
	assert_int_equal(e->signal, -1);
	assert_int_equal(e->folder, 1000 + number);
	assert_int_equal(e->wall_ms, 11);
	assert_int_equal(e->cpu_ms, 7);
	assert_int_equal(e->limit_ms, 3000);
	assert_int_equal(e->ended, 99);
	return 1;
}

static void write_some(const struct place *p)
{
	struct journal j;

	journal_open(p->fd, 1, &j);
	for (unsigned i = 0; i < COUNT; i++)
		add(&j, i, "app-failed", 11);
	journal_close(&j);
}

static char *read_file(const struct place *p, size_t *size)
{
	struct diag d = {0};
	char *bytes = file_read(p->fd, JOURNAL_FILE, 1 << 20, size, &d);

	assert_non_null(bytes);
	return bytes;
}

static void write_file(const struct place *p, const char *bytes, size_t size)
{
	int fd = openat(p->fd, JOURNAL_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, bytes, size), 0);
	close(fd);
}

static void test_lines_are_remembered(void **state)
{
	struct place *p = *state;
	struct journal j;
	char id[WU_ID_DIGITS + 1];

	write_some(p);
	journal_open(p->fd, 0, &j);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(has(&j, i), 1);
	assert_int_equal(has(&j, COUNT), 0);
	assert_null(journal_find(&j, "no id"));
	journal_close(&j);

	/* The newest line counts, and a forgotten one does not. */
	journal_open(p->fd, 1, &j);
	add(&j, 1, "ok", 12);
	name(id, 2);
	journal_forget(&j, id);
	journal_close(&j);
	journal_open(p->fd, 0, &j);
	name(id, 1);
	assert_string_equal(journal_find(&j, id)->class, "ok");
	assert_int_equal(has(&j, 2), 0);
	assert_int_equal(has(&j, 3), 1);
	journal_close(&j);
}

static void test_no_journal_is_an_empty_one(void **state)
{
	struct place *p = *state;
	struct journal j;

	journal_open(p->fd, 0, &j);
	assert_int_equal(has(&j, 0), 0);
	journal_close(&j);
	assert_int_equal(mkdirat(p->fd, JOURNAL_FILE, 0755), 0);
	journal_open(p->fd, 1, &j);
	assert_int_equal(j.fd, -1);
	add(&j, 0, "app-failed", 11);
	assert_int_equal(has(&j, 0), 1);
	assert_int_equal(journal_claim(&j, "000000000000"), 1);
	journal_close(&j);
}

/* Cut at every byte, then written to again. */
static void test_truncated_at_every_byte(void **state)
{
	struct place *p = *state;
	size_t size, whole = 0;
	char *bytes;
	struct journal j;

	write_some(p);
	bytes = read_file(p, &size);
	for (size_t cut = 0; cut <= size; cut++) {
		whole += cut > 0 && bytes[cut - 1] == '\n';
		write_file(p, bytes, cut);
		journal_open(p->fd, 1, &j);
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(has(&j, i), i < whole);
		add(&j, COUNT, "app-failed", 11);
		add(&j, COUNT + 1, "app-failed", 11);
		journal_close(&j);
		journal_open(p->fd, 0, &j);
		/* What is torn may be whole but for its newline, which the next one gave.
		 */
		for (unsigned i = 0; i < COUNT; i++)
			assert_true(has(&j, i) >= (i < whole));
		assert_int_equal(has(&j, COUNT), 1);
		assert_int_equal(has(&j, COUNT + 1), 1);
		journal_close(&j);
	}
	assert_int_equal(whole, COUNT);
	free(bytes);
}

static void test_no_damage_is_believed(void **state)
{
	static const char changes[] = {1, 0x20, -128, '\n' ^ 'a'};
	struct place *p = *state;
	size_t size;
	char *bytes;
	struct journal j;

	write_some(p);
	bytes = read_file(p, &size);
	for (size_t at = 0; at < size; at++) {
		for (size_t c = 0; c < sizeof(changes); c++) {
			unsigned left = 0;

			bytes[at] ^= changes[c];
			write_file(p, bytes, size);
			bytes[at] ^= changes[c];
			journal_open(p->fd, 0, &j);
			for (unsigned i = 0; i < COUNT; i++)
				left += (unsigned)has(&j, i);
			journal_close(&j);
			/* A newline that is lost costs two lines. */
			assert_true(left >= COUNT - 2);
		}
	}
	free(bytes);
}

static void test_foreign_lines_are_passed_over(void **state)
{
	struct place *p = *state;
	struct buffer b = {0};
	size_t size;
	char *bytes;
	struct journal j;

	write_some(p);
	bytes = read_file(p, &size);
	buffer_add_text(&b, "\n\nnot ours\n00000000 {}\n");
	buffer_add(&b, "\0\0\0\n", 4);
	for (int i = 0; i < 500000; i++)
		buffer_add_text(&b, "x");
	buffer_add_text(&b, "\n");
	buffer_add(&b, bytes, size);
	write_file(p, b.bytes, b.size);
	journal_open(p->fd, 0, &j);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(has(&j, i), 1);
	journal_close(&j);
	buffer_clear(&b);
	free(bytes);
}

static void test_others_lines_are_read(void **state)
{
	struct place *p = *state;
	struct journal one, other;
	char id[WU_ID_DIGITS + 1];

	journal_open(p->fd, 1, &one);
	journal_open(p->fd, 1, &other);
	add(&one, 0, "app-failed", 11);
	journal_mark(&other);
	assert_int_equal(has(&other, 0), 0);
	journal_refresh(&other);
	assert_int_equal(has(&other, 0), 1);
	name(id, 0);
	assert_int_equal(journal_find(&other, id)->is_new, 1);
	assert_int_equal(journal_find(&one, id)->is_new, 0);
	add(&other, 1, "app-failed", 11);
	add(&one, 2, "app-failed", 11);
	journal_refresh(&one);
	assert_int_equal(has(&one, 1), 1);
	journal_close(&one);
	journal_close(&other);
}

/* Two writers, killed at whatever they are doing, again and again. */
static void test_killed_writers(void **state)
{
	struct place *p = *state;
	struct journal j;
	unsigned seen = 0;

	for (int round = 0; round < 30; round++) {
		pid_t pids[2];

		for (int w = 0; w < 2; w++) {
			pids[w] = fork();
			if (pids[w] == 0) {
				journal_open(p->fd, 1, &j);
				for (unsigned i = (unsigned)w;; i = (i + 2) % 1000)
					add(&j, i, "app-failed", 11);
			}
		}
		poll(NULL, 0, 1 + rand() % 12);
		for (int w = 0; w < 2; w++) {
			kill(pids[w], SIGKILL);
			waitpid(pids[w], NULL, 0);
		}
		journal_open(p->fd, 0, &j);
		seen = 0;
		for (unsigned i = 0; i < 1000; i++)
			seen += (unsigned)has(&j, i);
		journal_close(&j);
	}
	assert_true(seen > 20);
}

static void test_claims_end_with_their_process(void **state)
{
	struct place *p = *state;
	struct journal j;
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		journal_open(p->fd, 1, &j);
		byte = (char)('0' + journal_claim(&j, "00000000000a"));
		(void)!write(ends[1], &byte, 1);
		pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '1');
	journal_open(p->fd, 1, &j);
	assert_int_equal(journal_is_claimed(&j, "00000000000a"), 1);
	assert_int_equal(journal_is_claimed(&j, "00000000000b"), 0);
	assert_int_equal(journal_claim(&j, "00000000000a"), 0);
	assert_int_equal(journal_claim(&j, "00000000000b"), 1);
	journal_release(&j, "00000000000b");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(journal_claim(&j, "00000000000a"), 1);
	journal_close(&j);
	close(ends[0]);
	close(ends[1]);
}

/* --- and the folders, which are the authority --- */

static void make_folder(const struct place *p, unsigned number, const char *class)
{
	json_t *result = make_result(number, class, 11);
	char *text = json_dumps(result, 0), *path;
	char id[WU_ID_DIGITS + 1];
	struct diag d = {0};

	name(id, number);
	assert_int_equal(mkdirat(p->fd, id, 0755), 0);
	path = memory_printf("%s/" RESULTS_FILE, id);
	assert_int_equal(file_create(p->fd, path, text, strlen(text), 0644, &d), 0);
	free(path);
	free(text);
	json_decref(result);
}

static const char *find_class(struct results *r, unsigned number)
{
	const struct journal_entry *e;
	char id[WU_ID_DIGITS + 1];

	name(id, number);
	e = results_find(r, id);
	return e ? e->class : "none";
}

static void test_the_folders_are_the_authority(void **state)
{
	struct place *p = *state;
	struct results r;
	struct diag d = {0};
	struct stat before, after;

	make_folder(p, 0, "ok");
	make_folder(p, 1, "ok");
	make_folder(p, 2, "no such class");
	assert_int_equal(results_open_to_run(p->path, NULL, &r, &d), 0);
	assert_string_equal(find_class(&r, 0), "ok");
	assert_string_equal(find_class(&r, 1), "ok");
	assert_string_equal(find_class(&r, 2), "none");
	assert_string_equal(find_class(&r, 3), "none");
	results_close(&r);

	/* Now they have lines; one is gone, one is another's (its folder is another one).
	 */
	assert_int_equal(file_remove_tree(p->fd, "000000000000", &d), 0);
	assert_int_equal(renameat(p->fd, "000000000001", p->fd, "old"), 0);
	make_folder(p, 1, "app-failed");
	assert_int_equal(results_open_to_run(p->path, NULL, &r, &d), 0);
	assert_string_equal(find_class(&r, 0), "none");
	assert_string_equal(find_class(&r, 1), "app-failed");
	results_close(&r);

	/* What is known is not written anew. */
	assert_int_equal(fstatat(p->fd, JOURNAL_FILE, &before, 0), 0);
	assert_int_equal(results_open_to_run(p->path, NULL, &r, &d), 0);
	assert_string_equal(find_class(&r, 0), "none");
	assert_string_equal(find_class(&r, 1), "app-failed");
	results_close(&r);
	assert_int_equal(fstatat(p->fd, JOURNAL_FILE, &after, 0), 0);
	assert_int_equal(before.st_size, after.st_size);
}

#define in_place(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_place(test_lines_are_remembered),
		in_place(test_no_journal_is_an_empty_one),
		in_place(test_truncated_at_every_byte),
		in_place(test_no_damage_is_believed),
		in_place(test_foreign_lines_are_passed_over),
		in_place(test_others_lines_are_read),
		in_place(test_killed_writers),
		in_place(test_claims_end_with_their_process),
		in_place(test_the_folders_are_the_authority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
