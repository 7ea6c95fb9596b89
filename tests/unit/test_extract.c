/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks with flipped bytes, extracted in process, so that the sanitizers see every
 * access: in wurun itself this runs in the jail. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "runtime/host/extract.h"
#include "runtime/host/image.h"

#define ROUNDS 200
#define FLIPS 10
#define SECONDS_EACH 20

struct fixture {
	char folder[40];
	int fd;
	int disk;
};

static int run(char *const *argv)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void fill_tree(int fd)
{
	struct diag d = {0};
	char *big = memory_alloc(50000);

	memset(big, 'b', 50000);
	assert_int_equal(mkdirat(fd, "tree", 0755), 0);
	assert_int_equal(mkdirat(fd, "tree/folder", 0755), 0);
	assert_int_equal(mkdirat(fd, "tree/folder/below", 0755), 0);
	assert_int_equal(file_create(fd, "tree/one", "one", 3, 0644, &d), 0);
	assert_int_equal(file_create(fd, "tree/folder/big", big, 50000, 0644, &d), 0);
	assert_int_equal(linkat(fd, "tree/one", fd, "tree/folder/again", 0), 0);
	assert_int_equal(symlinkat("folder/big", fd, "tree/link"), 0);
	for (int i = 0; i < 200; i++) {
		char *name =
			memory_printf("tree/folder/below/a-name-of-some-length-%d", i);

		assert_int_equal(file_create(fd, name, name, 5, 0600, &d), 0);
		free(name);
	}
	free(big);
}

/* Without metadata checksums, which would catch the flips before we see them. */
static int make_disk(const struct fixture *f)
{
	char *tree = memory_printf("%s/tree", f->folder);
	char *disk = memory_printf("%s/disk", f->folder);
	char words[12][48] = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-O",
		"^has_journal,^resize_inode,^metadata_csum", "-L", "wu-output", "-d"};
	char size[] = "4M";
	char *argv[16] = {0};
	int rc;

	for (int i = 0; i < 12; i++)
		argv[i] = words[i];
	argv[12] = tree;
	argv[13] = disk;
	argv[14] = size;
	rc = run(argv);
	free(tree);
	free(disk);
	return rc;
}

static int set_up(void **state)
{
	struct fixture *f = memory_alloc(sizeof(*f));
	int rc;

	*state = f;
	strcpy(f->folder, "/tmp/extract.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill_tree(f->fd);
	rc = make_disk(f);
	f->disk = rc == 0 ? openat(f->fd, "disk", O_RDWR | O_CLOEXEC) : -1;
	if (rc == 127)
		print_message("lacks mke2fs (e2fsprogs)\n");
	return rc == 0 || rc == 127 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};

	file_close(&f->fd);
	file_close(&f->disk);
	file_remove_tree(AT_FDCWD, f->folder, &d);
	free(f);
	return 0;
}

struct told {
	int skipped, damaged;
};

static void count(
	void *context, enum extract_note note, const char *path, const char *text)
{
	struct told *told = context;

	assert_non_null(path);
	assert_true(strlen(text) > 0);
	told->skipped += note == EXTRACT_SKIPPED;
	told->damaged += note == EXTRACT_DAMAGED;
}

/* Returns the number of things that were damaged; -1 where it could not be opened. */
static int extract(struct fixture *f, struct extract_totals *totals)
{
	struct diag d = {0};
	struct told told = {0};
	ext2_filsys fs =
		image_check(f->disk, -1, &d) == 0 ? image_open(f->disk, &d) : NULL;
	int out, rc;

	if (!fs) {
		assert_int_equal(d.count, 1);
		diag_clear(&d);
		return -1;
	}
	assert_int_equal(mkdirat(f->fd, "out", 0700), 0);
	out = openat(f->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = extract_all(fs, f->disk, out, count, &told, totals, &d);
	assert_int_equal(rc, 0);
	assert_int_equal(d.count, 0);
	close(out);
	ext2fs_close_free(&fs);
	assert_int_equal(file_remove_tree(f->fd, "out", &d), 0);
	return told.damaged;
}

static void a_whole_disk(void **state)
{
	struct fixture *f = *state;
	struct extract_totals totals = {0};

	if (f->disk < 0)
		skip();
	assert_int_equal(extract(f, &totals), 0);
	assert_int_equal(totals.files, 202);
	assert_int_equal(totals.folders, 2);
	assert_int_equal(totals.links, 2); /* a hard one and a symbolic one */
	assert_int_equal(totals.bytes, 3 + 50000 + 200 * 5);
}

static void flip(struct fixture *f, off_t size)
{
	for (int i = 0; i < FLIPS; i++) {
		unsigned char byte = (unsigned char)rand();
		off_t at = rand() % 5 == 0 ? 1024 + rand() % 1024 : rand() % size;

		assert_int_equal(pwrite(f->disk, &byte, 1, at), 1);
	}
}

/* Each round in a process of its own: a fault fails the round, and no round can hang. */
static void survive(struct fixture *f, unsigned round)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct extract_totals totals = {0};

		alarm(SECONDS_EACH);
		extract(f, &totals);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (status != 0)
		fail_msg("round %u: wait status %#x", round, status);
}

static void flipped_bytes_do_no_harm(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};
	char *good;
	size_t size = 0;

	if (f->disk < 0)
		skip();
	good = file_read(f->fd, "disk", 16 << 20, &size, &d);
	assert_non_null(good);
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* The metadata, and a little more. */
		off_t part = round % 2 ? 400 * 1024 : 40 * 1024;

		srand(round);
		flip(f, part);
		survive(f, round);
		assert_int_equal(file_write_at(f->disk, good, size, 0), 0);
		file_remove_tree(f->fd, "out", &d);
	}
	free(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_disk),
		cmocka_unit_test(flipped_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
