/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libext2fs writes through ext2disk_io reaches the file with the commit, not before,
 * and never leaves its part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "compiler/ext2disk_io.h"
#include "compiler/magic.h"
#include "compiler/partitions.h"

#define PART_OFFSET 512
#define PART_SIZE (8 * EXT2DISK_UNIT)
#define FILE_SIZE (PART_OFFSET + PART_SIZE + 512)

struct fixture {
	int fd;
	struct ext2disk_io io;
	io_channel channel;
	struct diag d;
};

static int start(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char name[] = "/tmp/wu-ext2disk-XXXXXX", path[EXT2DISK_IO_NAME];

	assert_non_null(f);
	f->fd = mkostemp(name, O_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(ftruncate(f->fd, FILE_SIZE), 0);
	f->io = (struct ext2disk_io){
		.fd = f->fd, .name = "x.img", .offset = PART_OFFSET, .size = PART_SIZE};
	ext2disk_io_path(&f->io, path);
	assert_int_equal(ext2disk_io_manager()->open(path, 0, &f->channel), 0);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	io_channel_close(f->channel);
	ext2disk_io_clear(&f->io);
	diag_clear(&f->d);
	close(f->fd);
	free(f);
	return 0;
}

static int is_filled(int fd, off_t at, char byte)
{
	char there[EXT2DISK_UNIT], wanted[EXT2DISK_UNIT];

	memset(wanted, byte, sizeof(wanted));
	return file_read_at(fd, there, sizeof(there), at) == (ssize_t)sizeof(there) &&
	       memcmp(there, wanted, sizeof(there)) == 0;
}

static errcode_t write_unit(struct fixture *f, uint64_t unit, char byte)
{
	char bytes[EXT2DISK_UNIT];

	memset(bytes, byte, sizeof(bytes));
	return io_channel_write_blk64(f->channel, unit, 1, bytes);
}

static void writes_wait_for_the_commit(void **state)
{
	struct fixture *f = *state;
	char unclean[EXT2DISK_UNIT] = "unclean", read[2 * EXT2DISK_UNIT];

	assert_int_equal(write_unit(f, 1, 's'), 0);
	assert_int_equal(write_unit(f, 3, 'a'), 0);
	assert_int_equal(write_unit(f, 4, 'b'), 0);
	assert_true(is_filled(f->fd, PART_OFFSET + 3 * EXT2DISK_UNIT, 0));
	/* Read back by larger blocks, at another place in them. */
	assert_int_equal(io_channel_set_blksize(f->channel, 2 * EXT2DISK_UNIT), 0);
	assert_int_equal(io_channel_read_blk64(f->channel, 1, 1, read), 0);
	assert_int_equal(read[EXT2DISK_UNIT - 1], 0);
	assert_int_equal(read[EXT2DISK_UNIT], 'a');
	ext2disk_io_forget(&f->io, 4 * EXT2DISK_UNIT, EXT2DISK_UNIT);
	assert_int_equal(ext2disk_io_commit(&f->io, unclean, &f->d), 0);
	assert_true(is_filled(f->fd, PART_OFFSET + 1 * EXT2DISK_UNIT, 's'));
	assert_true(is_filled(f->fd, PART_OFFSET + 3 * EXT2DISK_UNIT, 'a'));
	assert_true(is_filled(f->fd, PART_OFFSET + 4 * EXT2DISK_UNIT, 0));
}

static void nothing_leaves_the_part(void **state)
{
	struct fixture *f = *state;
	char unclean[EXT2DISK_UNIT] = "";

	assert_int_equal(write_unit(f, 1, 's'), 0);
	assert_int_not_equal(write_unit(f, 8, 'x'), 0);
	assert_int_not_equal(write_unit(f, UINT64_MAX / EXT2DISK_UNIT, 'x'), 0);
	assert_int_equal(ext2disk_io_write(&f->io, PART_SIZE - 1, "xx", 2), -1);
	assert_int_equal(ext2disk_io_write(&f->io, UINT64_MAX, "xx", 2), -1);
	/* The first failure stays. */
	assert_int_equal(ext2disk_io_commit(&f->io, unclean, &f->d), -1);
	assert_true(is_filled(f->fd, PART_OFFSET + 1 * EXT2DISK_UNIT, 0));
}

static void a_failed_write_is_told(void **state)
{
	struct fixture *f = *state;
	char unclean[EXT2DISK_UNIT] = "";
	int writable = f->io.fd;

	assert_int_equal(write_unit(f, 1, 's'), 0);
	f->io.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_int_equal(ext2disk_io_commit(&f->io, unclean, &f->d), -1);
	close(f->io.fd);
	f->io.fd = writable;
}

static void tables_that_make_no_sense(void **state)
{
	struct fixture *f = *state;
	struct partitions p;
	struct partition one;
	struct arena a = {0};
	const char *format;
	/* One partition that starts at the last sector there can be. */
	static const char entry[] = "\0\0\0\0\x83\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";

	assert_int_equal(partitions_read(&p, f->fd, "x", &a, &f->d), 0);
	assert_null(p.table);
	assert_int_equal(partitions_choose(&p, f->fd, "x", 1, &one, &f->d), -1);
	assert_int_equal(
		partitions_choose(&p, f->fd, "x", PARTITION_ANY, &one, &f->d), 0);
	assert_int_equal(one.size, FILE_SIZE);
	assert_int_equal(file_write_at(f->fd, entry, 16, 446), 0);
	assert_int_equal(file_write_at(f->fd, "\x55\xaa", 2, 510), 0);
	assert_int_equal(partitions_read(&p, f->fd, "x", &a, &f->d), 0);
	assert_int_equal(
		partitions_choose(&p, f->fd, "x", PARTITION_ANY, &one, &f->d), -1);
	assert_int_equal(file_write_at(f->fd, "QFI\xfb\0\0\0\3", 8, 0), 0);
	assert_int_equal(magic_of_image(f->fd, &format), 0);
	assert_string_equal(format, "qcow2");
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_wait_for_the_commit, start, stop),
		cmocka_unit_test_setup_teardown(nothing_leaves_the_part, start, stop),
		cmocka_unit_test_setup_teardown(a_failed_write_is_told, start, stop),
		cmocka_unit_test_setup_teardown(tables_that_make_no_sense, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
