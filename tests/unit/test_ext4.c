/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "common/digest.h"
#include "compiler/ext4.h"
#include "compiler/ext4_image.h"

static const struct ext4_options usual = {
	.label = "wu-app", .id_seed = "a seed", .epoch = 1700000000};

static struct node *add_host(struct scratch *s, struct tree *t, const char *name)
{
	struct diag d = {0};
	struct node *n = tree_add(t, name, NODE_FILE, 0644, NULL, &d);
	struct stat st;

	assert_non_null(n);
	assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
	n->size = (uint64_t)st.st_size;
	n->source = (struct source){
		.kind = SOURCE_HOST,
		.path = arena_printf(&t->arena, "%s/%s", s->path, name),
		.name = name,
		.mtime = st.st_mtim,
		.ctime = st.st_ctim,
		.inode = st.st_ino,
		.device = st.st_dev,
	};
	return n;
}

static void write_ok(
	struct scratch *s, const char *name, struct tree *t, const struct ext4_options *o)
{
	struct diag d = {0};

	tree_finish(t);
	if (ext4_write(s->fd, name, t, o, &d) < 0)
		scratch_expect_none(&d);
	scratch_expect_none(&d);
}

/* Nothing to complain about, and no lost+found wanted. */
static void check(struct scratch *s, const char *name)
{
	struct buffer out = {0};

	scratch_must_run(s, &out, "e2fsck", "-fn", name);
	if (strstr(out.bytes, "? no") || strstr(out.bytes, "WARNING"))
		fail_msg("%s", out.bytes);
	buffer_clear(&out);
}

static void digest_of(struct scratch *s, const char *name, char sha256[DIGEST_HEX])
{
	struct diag d = {0};

	assert_int_equal(digest_of_file(s->fd, name, sha256, NULL, &d), 0);
}

static void expect_size(struct scratch *s, const char *name, uint64_t size)
{
	struct stat st;

	assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(st.st_mode & 07777, 0644);
}

/* debugfs, another's reader, unpacks the file; its digest must be the node's. */
static void expect_contents(struct scratch *s, const char *image, const struct node *n)
{
	struct arena a = {0};
	struct buffer out = {0};
	char sha256[DIGEST_HEX];

	scratch_must_run(s, &out, "debugfs", "-R",
		arena_printf(&a, "dump -p \"/%s\" out", tree_path(n, &a)), image);
	digest_of(s, "out", sha256);
	assert_string_equal(sha256, n->sha256);
	assert_int_equal(unlinkat(s->fd, "out", 0), 0);
	buffer_clear(&out);
	arena_clear(&a);
}

static void expect_said(
	struct scratch *s, const char *image, const char *request, const char *text)
{
	struct buffer out = {0};

	scratch_must_run(s, &out, "debugfs", "-R", request, image);
	if (!strstr(out.bytes, text))
		fail_msg("%s: expected \"%s\", found:\n%s", request, text, out.bytes);
	buffer_clear(&out);
}

static void fill_random(char *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (char)(seed >> 16 | 1);
	}
}

static void make_varied(struct tree *t)
{
	static const struct xattr small = {"user.origin", "here", 4};
	static const char long_value[3000] = "x";
	static const struct xattr large = {"user.large", long_value, sizeof(long_value)};
	static char big[300000];
	struct diag d = {0};
	struct node *n;

	fill_random(big, sizeof(big), 1);
	tree_init(t, usual.epoch);
	tree_add_text(t, "app/empty", "", 0, 0644, NULL, &d);
	n = tree_add_text(t, "app/small", "hello\n", 6, 0755, NULL, &d);
	n->xattrs = &small;
	n->xattr_count = 1;
	n = tree_add(t, "twin", NODE_HARDLINK, 0755, NULL, &d);
	tree_link(n, tree_find(t, "app/small"));
	n = tree_add_text(t, "app/big", big, sizeof(big), 0644, NULL, &d);
	n->xattrs = &large;
	n->xattr_count = 1;
	n = tree_add(t, "short", NODE_SYMLINK, 0777, NULL, &d);
	n->target = "app/small";
	n = tree_add(t, "edge", NODE_SYMLINK, 0777, NULL, &d);
	n->target = "123456789012345678901234567890123456789012345678901234567890";
	n = tree_add(t, "long", NODE_SYMLINK, 0777, NULL, &d);
	n->target = arena_alloc(&t->arena, 4096);
	memset((char *)(uintptr_t)n->target, 't', 4095);
	tree_add(t, "tmp", NODE_FOLDER, 01777, NULL, &d);
	scratch_expect_none(&d);
}

static void test_varied(void **state)
{
	struct scratch *s = *state;
	struct tree t;

	make_varied(&t);
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_contents(s, "a.img", tree_find(&t, "app/small"));
	expect_contents(s, "a.img", tree_find(&t, "app/big"));
	expect_contents(s, "a.img", tree_find(&t, "app/empty"));
	expect_said(s, "a.img", "stat /app/small", "Mode:  0755");
	expect_said(s, "a.img", "stat /app/small", "Links: 2");
	expect_said(s, "a.img", "stat /app/small", "User:     0   Group:     0");
	expect_said(s, "a.img", "stat /app/small",
		"crtime: 0x6553f100:00000000 -- Tue Nov 14 22:13:20 2023");
	expect_said(s, "a.img", "ea_get /app/small user.origin", "here");
	expect_said(s, "a.img", "ea_list /app/big", "user.large (3000)");
	expect_said(s, "a.img", "stat /short", "Fast link dest: \"app/small\"");
	expect_said(s, "a.img", "stat /edge", "Size: 60");
	expect_said(s, "a.img", "stat /long", "Size: 4095");
	expect_said(s, "a.img", "stat /tmp", "Mode:  01777");
	tree_clear(&t);
}

/* The bytes depend on the tree and the options, and on nothing else. */
static void test_same_bytes(void **state)
{
	struct scratch *s = *state;
	struct ext4_options other = usual;
	char x[DIGEST_HEX], y[DIGEST_HEX];
	struct tree t;

	make_varied(&t);
	write_ok(s, "a.img", &t, &usual);
	tree_clear(&t);
	assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
	assert_int_equal(setenv("E2FSPROGS_FAKE_TIME", "12345", 1), 0);
	umask(077);
	make_varied(&t);
	write_ok(s, "b.img", &t, &usual);
	unsetenv("E2FSPROGS_FAKE_TIME");
	umask(022);
	digest_of(s, "a.img", x);
	digest_of(s, "b.img", y);
	assert_string_equal(x, y);
	setenv("TZ", "UTC", 1);
	other.id_seed = "another";
	write_ok(s, "c.img", &t, &other);
	digest_of(s, "c.img", y);
	assert_string_not_equal(x, y);
	check(s, "c.img");
	tree_clear(&t);
}

static void test_times(void **state)
{
	static const int64_t epochs[] = {0, 1, -1, 4102444800, 8589934592};
	struct scratch *s = *state;
	char x[DIGEST_HEX], y[DIGEST_HEX];

	for (size_t i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++) {
		struct ext4_options o = usual;
		struct tree t;
		struct diag d = {0};

		o.epoch = epochs[i];
		tree_init(&t, o.epoch);
		tree_add_text(&t, "f", "x", 1, 0644, NULL, &d);
		write_ok(s, "a.img", &t, &o);
		/* s_wtime and the like have whole seconds. */
		nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
		write_ok(s, "b.img", &t, &o);
		digest_of(s, "a.img", x);
		digest_of(s, "b.img", y);
		assert_string_equal(x, y);
		if (o.epoch <= time(NULL)) /* e2fsck minds the future */
			check(s, "a.img");
		if (o.epoch == 0)
			expect_said(s, "a.img", "show_super_stats -h",
				"Last write time:          Thu Jan  1 00:00:00 1970");
		if (o.epoch == 8589934592)
			expect_said(s, "a.img", "stat /f", "mtime: 0x00000000:00000002");
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		assert_int_equal(unlinkat(s->fd, "b.img", 0), 0);
		tree_clear(&t);
	}
}

static void test_bad_options(void **state)
{
	struct scratch *s = *state;
	struct ext4_options o = usual;
	struct tree t;
	struct diag d = {0};

	tree_init(&t, 0);
	tree_finish(&t);
	o.label = "seventeen letters";
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &o, &d), -1);
	o = usual;
	o.epoch = (int64_t)1 << 40;
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &o, &d), -1);
	scratch_expect(&d,
		"a.img: expected a label of at most 16 bytes, found \"seventeen "
		"letters\"",
		"a.img: expected a time that ext4 can hold, found 1099511627776");
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	scratch_text(s, "a.img", "mine");
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "a.img: File exists");
	expect_size(s, "a.img", 4);
	tree_clear(&t);
}

/* An output disk: empty, of a given size, its root folder open to all, nearly no blocks
 * on the host's disk. */
static void test_empty(void **state)
{
	static const uint64_t sizes[] = {1 << 20, 16 << 20, 200 << 20, (uint64_t)1 << 40};
	struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ext4_options o = usual;
		struct tree t;
		struct stat st;

		tree_init(&t, o.epoch);
		t.root->mode = 01777;
		o.label = "wu-output";
		o.size_bytes = sizes[i];
		write_ok(s, "a.img", &t, &o);
		expect_size(s, "a.img", sizes[i]);
		assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
		assert_true((uint64_t)st.st_blocks * 512 < 65536 + sizes[i] / 1000);
		if (sizes[i] < (uint64_t)1 << 30)
			check(s, "a.img");
		expect_said(s, "a.img", "stat /", "Mode:  01777");
		if (sizes[i] == 16 << 20)
			expect_said(s, "a.img", "show_super_stats -h",
				"Inode count:              1024");
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		tree_clear(&t);
	}
}

static void test_sizes(void **state)
{
	struct scratch *s = *state;
	size_t size = 18 << 20;
	char *bytes = memory_alloc(size);
	struct ext4_options o = usual;
	struct tree t;
	struct diag d = {0};
	uint64_t needed;

	fill_random(bytes, size, 5);
	tree_init(&t, 0);
	tree_add_text(&t, "f", bytes, size, 0644, NULL, &d);
	tree_finish(&t);
	assert_int_equal(ext4_size_needed(&t, &needed, &d), 0);
	assert_in_range(needed, size, size + size / 50);
	o.size_bytes = 16 << 20;
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &o, &d), -1);
	scratch_expect(&d, "a.img: needs 18.0 MiB, given 16.0 MiB");
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	o.size_bytes = needed - 4096;
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &o, &d), -1);
	assert_int_equal(d.count, 1);
	diag_clear(&d);
	o.size_bytes = needed;
	write_ok(s, "a.img", &t, &o);
	check(s, "a.img");
	write_ok(s, "b.img", &t, &usual);
	expect_size(s, "b.img", needed);
	tree_clear(&t);
	free(bytes);
}

/* Every count of extents around the sizes of the extent tree's nodes. */
static void test_fragmented(void **state)
{
	static const unsigned runs[] = {4, 5, 339, 340, 341, 680, 681, 1360, 1361, 2500};
	struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		size_t size = (size_t)runs[i] * 8192;
		char *bytes = memory_alloc(size);
		struct tree t;
		struct diag d = {0};
		struct node *n;

		for (unsigned j = 0; j < runs[i]; j++)
			memset(bytes + (size_t)j * 8192, (int)(j % 255 + 1), 4096);
		tree_init(&t, 0);
		n = tree_add_text(&t, "f", bytes, size, 0644, NULL, &d);
		assert_int_equal(n->data_runs, runs[i]);
		write_ok(s, "a.img", &t, &usual);
		check(s, "a.img");
		expect_contents(s, "a.img", n);
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		tree_clear(&t);
		free(bytes);
	}
}

/* Holes come from what a file holds, never from how the host keeps it. */
static void test_layouts(void **state)
{
	struct scratch *s = *state;
	size_t size = 3 << 20;
	char *bytes = memory_alloc(size), x[DIGEST_HEX], y[DIGEST_HEX];

	fill_random(bytes, 10000, 3);
	fill_random(bytes + (2 << 20) + 5000, 100, 4);
	for (int i = 0; i < 3; i++) {
		struct tree t;
		struct node *n;
		int fd;

		tree_init(&t, 0);
		if (i == 0)
			scratch_write(s, "f", bytes, size); /* no hole at all */
		if (i == 1) {
			scratch_write(s, "f", bytes, 12288);
			fd = openat(s->fd, "f", O_WRONLY);
			assert_int_equal(
				file_write_at(fd, bytes + (2 << 20), 8192, 2 << 20), 0);
			assert_int_equal(ftruncate(fd, (off_t)size), 0);
			close(fd);
		}
		if (i == 2) {
			struct diag d = {0};

			n = tree_add_text(&t, "f", bytes, size, 0644, NULL, &d);
		} else {
			n = add_host(s, &t, "f");
		}
		write_ok(s, "a.img", &t, &usual);
		check(s, "a.img");
		expect_contents(s, "a.img", n);
		digest_of(s, "a.img", i == 0 ? x : y);
		if (i > 0)
			assert_string_equal(x, y);
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		tree_clear(&t);
	}
	free(bytes);
}

/* 9 GiB with something at the start, in the middle and at the very end. */
static void test_sparse(void **state)
{
	struct scratch *s = *state;
	uint64_t size = ((uint64_t)9 << 30) + 5;
	struct tree t;
	struct stat st;
	int fd;

	fd = openat(s->fd, "f", O_RDWR | O_CREAT, 0644);
	assert_int_equal(file_write_at(fd, "start", 5, 0), 0);
	assert_int_equal(file_write_at(fd, "middle", 6, (off_t)5 << 30), 0);
	assert_int_equal(file_write_at(fd, "end", 3, (off_t)size - 3), 0);
	close(fd);
	tree_init(&t, 0);
	add_host(s, &t, "f");
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_said(s, "a.img", "stat /f", "Size: 9663676421");
	expect_said(s, "a.img", "stat /f", "Blockcount: 24");
	assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
	assert_true(st.st_size < 1 << 20);
	tree_clear(&t);
}

static void test_folders(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	char path[400];

	tree_init(&t, 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "d/%0*d", 1 + i % 250, i);
		if (!tree_find(&t, path))
			assert_non_null(
				tree_add_text(&t, path, arena_strdup(&t.arena, path),
					strlen(path), 0644, NULL, &d));
	}
	strcpy(path, "deep");
	for (int i = 0; i < 150; i++)
		strcat(path, "/d");
	tree_add(&t, path, NODE_FOLDER, 0755, NULL, &d);
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_contents(s, "a.img", tree_find(&t, "d/0"));
	tree_clear(&t);
}

/* More subfolders than a link count can say. */
static void test_many_folders(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	char path[64];

	tree_init(&t, 0);
	for (int i = 0; i < 65100; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		tree_add(&t, path, NODE_FOLDER, 0755, NULL, &d);
	}
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_said(s, "a.img", "stat /d", "Links: 1");
	tree_clear(&t);
}

static void test_many_links(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	char path[64];

	tree_init(&t, 0);
	tree_add_text(&t, "f", "x", 1, 0644, NULL, &d);
	for (int i = 0; i < 65000; i++) {
		struct node *n;

		snprintf(path, sizeof(path), "d/%d", i);
		n = tree_add(&t, path, NODE_HARDLINK, 0644, NULL, &d);
		tree_link(n, tree_find(&t, "f"));
	}
	tree_finish(&t);
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "f: 65001 names, more than ext4's 65000");
	tree_clear(&t);
}

static void test_large_xattrs(void **state)
{
	static const char value[5000];
	static const struct xattr large = {"user.large", value, sizeof(value)};
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	struct node *n;

	tree_init(&t, 0);
	n = tree_add_text(&t, "d/f", "x", 1, 0644, NULL, &d);
	n->xattrs = &large;
	n->xattr_count = 1;
	tree_finish(&t);
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "d/f: its extended attributes take more than 4 KiB");
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	tree_clear(&t);
}

static void test_changed(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};

	scratch_text(s, "f", "before");
	tree_init(&t, 0);
	add_host(s, &t, "f");
	tree_finish(&t);
	assert_int_equal(tree_measure(&t, tree_find(&t, "f"), &d), 0);
	scratch_text(s, "f", "after, and longer");
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "f: changed while it was read");
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	assert_int_equal(unlinkat(s->fd, "f", 0), 0);
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "f: No such file or directory");
	tree_clear(&t);
}

/* /dev/full takes no byte: the first write that is put off must still be heard of. */
static void test_full_disk(void **state)
{
	static char blocks[600 * EXT4_BLOCK];
	struct ext4_io *io;
	struct ext4_image m = {.options = &usual, .name = "a.img"};
	struct diag d = {0};
	uint64_t free_blocks;
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	memset(blocks, 1, sizeof(blocks));
	io = ext4_io_new(fd);
	assert_int_equal(ext4_io_write(io, 7, blocks), 0);
	assert_int_equal(ext4_io_flush(io), ENOSPC);
	assert_int_equal(ext4_io_flush(io), ENOSPC);
	assert_int_equal(ext4_io_error(io), ENOSPC);
	ext4_io_free(io);
	io = ext4_io_new(fd);
	assert_int_equal(ext4_io_write_data(io, 7, blocks, 1), 0);
	assert_int_equal(ext4_io_write_data(io, 9, blocks, 1), ENOSPC);
	ext4_io_free(io);
	io = ext4_io_new(fd);
	assert_int_equal(ext4_io_write_data(io, 7, blocks, 600), ENOSPC);
	ext4_io_free(io);
	m.diag = &d;
	assert_int_equal(ext4_image_open(&m, 1000, 64, fd, &free_blocks), 0);
	assert_int_equal(ext4_image_finish(&m), -1);
	scratch_expect(&d, "a.img: No space left on device");
	ext4_image_close(&m);
	close(fd);
}

/* More metadata than the cache holds: what went out comes back, zeros too. */
static void test_cache(void **state)
{
	struct scratch *s = *state;
	char block[EXT4_BLOCK], got[EXT4_BLOCK];
	struct ext4_io *io;
	int fd = openat(s->fd, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	io = ext4_io_new(fd);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20000; i++) {
			memset(block, round ? (i % 3) : (i % 2), sizeof(block));
			assert_int_equal(
				ext4_io_write(io, (uint64_t)i * 7 % 20000, block), 0);
		}
	}
	assert_int_equal(ext4_io_flush(io), 0);
	for (int i = 0; i < 20000; i++) {
		memset(block, i % 3, sizeof(block));
		assert_int_equal(ext4_io_read(io, (uint64_t)i * 7 % 20000, got), 0);
		assert_memory_equal(block, got, sizeof(block));
		memset(got, 9, sizeof(got));
		if (pread(fd, got, sizeof(got), (off_t)(i * 7 % 20000) * EXT4_BLOCK) <
			EXT4_BLOCK)
			memset(got, 0,
				sizeof(got)); /* zeros at the end are not written */
		assert_memory_equal(block, got, sizeof(block));
	}
	ext4_io_free(io);
	close(fd);
}

/* The disk's own errors must come out, wherever in the image they happen. */
static void test_write_errors(void **state)
{
	struct scratch *s = *state;
	struct rlimit before, limit;
	struct tree t;
	struct diag d = {0};
	struct stat st;

	make_varied(&t);
	write_ok(s, "a.img", &t, &usual);
	assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (off_t size = 4096; size < st.st_size; size += 65536) {
		limit = before;
		limit.rlim_cur = (rlim_t)size;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(ext4_write(s->fd, "b.img", &t, &usual, &d), -1);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		scratch_expect(&d, "b.img: File too large");
		assert_int_equal(faccessat(s->fd, "b.img", F_OK, 0), -1);
	}
	signal(SIGXFSZ, SIG_DFL);
	tree_clear(&t);
}

#define WITH_FOLDER(test)                                                                \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_varied),
		WITH_FOLDER(test_same_bytes),
		WITH_FOLDER(test_times),
		WITH_FOLDER(test_bad_options),
		WITH_FOLDER(test_empty),
		WITH_FOLDER(test_sizes),
		WITH_FOLDER(test_fragmented),
		WITH_FOLDER(test_layouts),
		WITH_FOLDER(test_sparse),
		WITH_FOLDER(test_folders),
		WITH_FOLDER(test_many_folders),
		WITH_FOLDER(test_many_links),
		WITH_FOLDER(test_large_xattrs),
		WITH_FOLDER(test_changed),
		WITH_FOLDER(test_write_errors),
		WITH_FOLDER(test_cache),
		cmocka_unit_test(test_full_disk),
	};

	setenv("TZ", "UTC", 1);
	setenv("LC_ALL", "C", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
