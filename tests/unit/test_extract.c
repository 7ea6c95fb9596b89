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

#define ROUNDS 70
#define FLIPS 10
#define SECONDS_EACH 20

struct fixture {
	char folder[40];
	int fd;
	int disk;
	struct image_place place;
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

/* What mke2fs is told of each kind of disk. Without metadata checksums, which would catch
 * the flips before we see them. */
static const struct kind {
	char words[9][48];
	struct image_place place;
} output_disk = {{"-t", "ext4", "-b", "4096", "-O",
			 "^has_journal,^resize_inode,^metadata_csum", "-L", "wu-output",
			 "-q"},
	{.size_bytes = 4 << 20, .pristine = -1}},
  old_system = {{"-t", "ext3", "-b", "1024", "-I", "128", "-E", "offset=32256", "-q"},
	  {.offset = 32256, .size_bytes = 4 << 20, .folder = "/", .pristine = -1}},
  folder_of_new = {{"-t", "ext4", "-b", "2048", "-O", "^metadata_csum", "-E",
			   "offset=1048576", "-q"},
	  {.offset = 1048576,
		  .size_bytes = 4 << 20,
		  .folder = "/folder",
		  .pristine = -1}};

static int make_disk(const struct fixture *f, const struct kind *kind)
{
	char *tree = memory_printf("%s/tree", f->folder);
	char *disk = memory_printf("%s/disk", f->folder);
	char words[12][48] = {"mke2fs", "-F", "-d"}, size[] = "4M";
	char *argv[16] = {words[0], words[1], words[2], tree};
	int rc;

	memcpy(words + 3, kind->words, sizeof(kind->words));
	for (int i = 0; i < 9; i++)
		argv[4 + i] = words[3 + i];
	argv[13] = disk;
	argv[14] = size;
	rc = run(argv);
	free(tree);
	free(disk);
	return rc;
}

static int set_up(void **state, const struct kind *kind)
{
	struct fixture *f = memory_alloc(sizeof(*f));
	int rc;

	*state = f;
	f->place = kind->place;
	strcpy(f->folder, "/tmp/extract.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill_tree(f->fd);
	rc = make_disk(f, kind);
	f->disk = rc == 0 ? openat(f->fd, "disk", O_RDWR | O_CLOEXEC) : -1;
	if (rc == 127)
		print_message("lacks mke2fs (e2fsprogs)\n");
	return rc == 0 || rc == 127 ? 0 : -1;
}

static int set_up_output_disk(void **state)
{
	return set_up(state, &output_disk);
}

static int set_up_old_system(void **state)
{
	return set_up(state, &old_system);
}

static int set_up_folder(void **state)
{
	return set_up(state, &folder_of_new);
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
	struct extract_source source = {.fd = f->disk, .offset = f->place.offset};
	ext2_filsys fs = image_check(f->disk, &f->place, &d) == 0
				 ? image_open(f->disk, &f->place, &d)
				 : NULL;
	int out, rc;

	if (!fs) {
		assert_int_equal(d.count, 1);
		diag_clear(&d);
		return -1;
	}
	assert_int_equal(mkdirat(f->fd, "out", 0700), 0);
	out = openat(f->fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	source.fs = fs;
	source.folder = image_find_folder(fs, &f->place, &d);
	if (source.folder) {
		rc = extract_all(&source, out, count, &told, totals, &d);
		assert_int_equal(rc, 0);
	} else {
		assert_int_equal(d.count, 1);
		diag_clear(&d);
		told.damaged = 1;
	}
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

static void one_folder(void **state)
{
	struct fixture *f = *state;
	struct extract_totals totals = {0};

	if (f->disk < 0)
		skip();
	assert_int_equal(extract(f, &totals), 0);
	assert_int_equal(totals.files, 202);
	assert_int_equal(totals.folders, 1);
	assert_int_equal(totals.links, 0);
	f->place.folder = "/link";
	assert_int_equal(extract(f, &totals), 1);
	f->place.folder = "/nothing/there";
	assert_int_equal(extract(f, &totals), 1);
	f->place.folder = "/folder";
}

static void expect_refused(struct fixture *f, const char *message)
{
	struct diag d = {0};

	assert_int_equal(image_check(f->disk, &f->place, &d), -1);
	assert_string_equal(d.lines[0].text, message);
	diag_clear(&d);
}

/* Bytes of the superblock: its state, and whether the journal holds something. */
static void one_that_was_not_left_clean_is_refused(void **state)
{
	struct fixture *f = *state;
	off_t super = (off_t)f->place.offset + 1024;
	const unsigned char recover = 0x04, mounted = 0, good = 1, errors = 3;
	unsigned char incompat;

	if (f->disk < 0)
		skip();
	assert_int_equal(pread(f->disk, &incompat, 1, super + 0x60), 1);
	incompat |= recover;
	assert_int_equal(pwrite(f->disk, &incompat, 1, super + 0x60), 1);
	expect_refused(f,
		"output disk: its filesystem was not left clean: the journal needs "
		"recovery (the guest did not unmount it)");
	incompat = (unsigned char)(incompat & ~recover);
	assert_int_equal(pwrite(f->disk, &incompat, 1, super + 0x60), 1);
	assert_int_equal(pwrite(f->disk, &mounted, 1, super + 0x3a), 1);
	expect_refused(f,
		"output disk: its filesystem was not left clean (the guest did not "
		"unmount it)");
	assert_int_equal(pwrite(f->disk, &errors, 1, super + 0x3a), 1);
	expect_refused(f, "output disk: the guest found errors in its filesystem");
	assert_int_equal(pwrite(f->disk, &good, 1, super + 0x3a), 1);
}

/* The filesystem may not reach beyond its partition, whatever it says. */
static void one_that_is_larger_than_its_partition_is_refused(void **state)
{
	struct fixture *f = *state;

	if (f->disk < 0)
		skip();
	f->place.size_bytes -= 1024;
	expect_refused(f,
		"output disk: its filesystem is larger than the disk (4096 blocks in "
		"4193280 bytes)");
	f->place.size_bytes += 1024;
}

static void flip(struct fixture *f, off_t size)
{
	for (int i = 0; i < FLIPS; i++) {
		unsigned char byte = (unsigned char)rand();
		off_t at = rand() % 5 == 0 ? 1024 + rand() % 1024 : rand() % size;

		at += (off_t)f->place.offset;
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
	const struct CMUnitTest of_old_systems[] = {
		cmocka_unit_test(a_whole_disk),
		cmocka_unit_test(one_that_was_not_left_clean_is_refused),
		cmocka_unit_test(one_that_is_larger_than_its_partition_is_refused),
		cmocka_unit_test(flipped_bytes_do_no_harm),
	};
	const struct CMUnitTest of_folders[] = {
		cmocka_unit_test(one_folder),
		cmocka_unit_test(flipped_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, set_up_output_disk, tear_down) +
	       cmocka_run_group_tests(of_old_systems, set_up_old_system, tear_down) +
	       cmocka_run_group_tests(of_folders, set_up_folder, tear_down);
}
