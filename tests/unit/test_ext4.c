/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "common/digest.h"
#include "compiler/ext4.h"
#include "compiler/ext4_checksum.h"
#include "compiler/ext4_image.h"

static const struct ext4_options usual = {.label = "wu-app", .epoch = 1700000000};

static struct node *add(struct tree *t, const char *path, enum node_type type)
{
	struct diag d = {0};
	struct node *n = tree_add(t, path, type, 0644, NULL, &d);

	scratch_expect_none(&d);
	return n;
}

static struct node *add_text(
	struct tree *t, const char *path, const void *bytes, size_t size)
{
	struct diag d = {0};
	struct node *n = tree_add_text(t, path, bytes, size, 0644, NULL, &d);

	scratch_expect_none(&d);
	return n;
}

static struct node *add_symlink(struct tree *t, const char *path, size_t length)
{
	struct node *n = add(t, path, NODE_SYMLINK);
	char *target = arena_alloc(&t->arena, length + 1);

	memset(target, 't', length);
	n->target = target;
	return n;
}

static void set_xattrs(
	struct tree *t, struct node *n, const struct xattr *list, size_t count)
{
	struct xattrs *x = arena_alloc(&t->arena, sizeof(*x));

	*x = (struct xattrs){list, count};
	n->xattrs = x;
}

static struct node *add_host(struct scratch *s, struct tree *t, const char *name)
{
	struct host_folder *folder = arena_alloc(&t->arena, sizeof(*folder));
	struct host_file *file = arena_alloc(&t->arena, sizeof(*file));
	struct node *n = add(t, name, NODE_FILE);
	struct stat st;

	assert_int_equal(fstat(s->fd, &st), 0);
	*folder = (struct host_folder){
		.path = s->path, .name = "", .device = st.st_dev, .inode = st.st_ino};
	assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
	*file = (struct host_file){
		.folder = folder,
		.name = name,
		.device = st.st_dev,
		.inode = st.st_ino,
		.mtime = tree_stamp(&st.st_mtim),
		.ctime = tree_stamp(&st.st_ctim),
	};
	n->source_kind = SOURCE_HOST;
	n->host = file;
	n->size = (uint64_t)st.st_size;
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
	char sha256[DIGEST_HEX], expected[DIGEST_HEX];

	scratch_must_run(s, &out, "debugfs", "-R",
		arena_printf(&a, "dump -p \"/%s\" out", tree_path(n, &a)), image);
	digest_of(s, "out", sha256);
	assert_true(n->measured);
	digest_to_hex(n->sha256, expected);
	assert_string_equal(sha256, expected);
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
	struct node *n;

	fill_random(big, sizeof(big), 1);
	tree_init(t, usual.epoch);
	add_text(t, "app/empty", "", 0);
	n = add_text(t, "app/small", "hello\n", 6);
	n->mode = 04755;
	set_xattrs(t, n, &small, 1);
	tree_link(add(t, "twin", NODE_HARDLINK), n);
	n = add_text(t, "app/big", big, sizeof(big));
	n->uid = 70000;
	n->gid = 80000;
	set_xattrs(t, n, &large, 1);
	add(t, "short", NODE_SYMLINK)->target = "app/small";
	add_symlink(t, "fast", 59);
	add_symlink(t, "edge", 60);
	add_symlink(t, "long", 4095);
	add(t, "tmp", NODE_FOLDER)->mode = 01777;
	add(t, "dev/fifo", NODE_FIFO);
	add(t, "dev/socket", NODE_SOCKET);
	add(t, "dev/null", NODE_CHARACTER)->device = makedev(1, 3);
	add(t, "dev/large", NODE_BLOCK)->device = makedev(259, 70000);
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
	expect_said(s, "a.img", "stat /app/small", "Mode:  04755");
	expect_said(s, "a.img", "stat /app/small", "Links: 2");
	expect_said(s, "a.img", "stat /app/small", "User:     0   Group:     0");
	expect_said(s, "a.img", "stat /app/big", "User: 70000   Group: 80000");
	expect_said(s, "a.img", "stat /app/small",
		"crtime: 0x6553f100:00000000 -- Tue Nov 14 22:13:20 2023");
	expect_said(s, "a.img", "stat /short", "Fast link dest: \"app/small\"");
	expect_said(s, "a.img", "stat /fast", "Fast link dest: \"tttttttttt");
	expect_said(s, "a.img", "stat /edge", "Size: 60");
	expect_said(s, "a.img", "stat /edge", "(0):");
	expect_said(s, "a.img", "stat /long", "Size: 4095");
	expect_said(s, "a.img", "stat /tmp", "Mode:  01777");
	expect_said(s, "a.img", "stat /dev/fifo", "Type: FIFO");
	expect_said(s, "a.img", "stat /dev/socket", "Type: socket");
	expect_said(s, "a.img", "stat /dev/null", "Type: character special");
	expect_said(s, "a.img", "stat /dev/null", "Device major/minor number: 01:03");
	expect_said(s, "a.img", "stat /dev/large", "Type: block special");
	expect_said(s, "a.img", "stat /dev/large",
		"(New-style) Device major/minor number: 259:70000");
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
	assert_int_equal(setenv("SOURCE_DATE_EPOCH", "54321", 1), 0);
	umask(077);
	make_varied(&t);
	other.stream = (struct stream_options){.threads = 3, .no_whole = 1};
	write_ok(s, "b.img", &t, &other);
	unsetenv("E2FSPROGS_FAKE_TIME");
	unsetenv("SOURCE_DATE_EPOCH");
	umask(022);
	digest_of(s, "a.img", x);
	digest_of(s, "b.img", y);
	assert_string_equal(x, y);
	setenv("TZ", "UTC", 1);
	other.uuid = (const unsigned char *)"sixteen letters!";
	write_ok(s, "c.img", &t, &other);
	check(s, "c.img");
	expect_said(s, "c.img", "show_super_stats -h",
		"Filesystem UUID:          73697874-6565-6e20-6c65-747465727321");
	tree_clear(&t);
}

static void read_uuid(struct scratch *s, const char *name, unsigned char uuid[16])
{
	struct ext2_super_block super;
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &super, sizeof(super), 1024), sizeof(super));
	memcpy(uuid, super.s_uuid, 16);
	assert_int_equal(uuid[6] >> 4, 8);
	assert_int_equal(uuid[8] >> 6, 2);
	close(fd);
	assert_int_equal(unlinkat(s->fd, name, 0), 0);
}

/* Two images with one UUID hold the same. */
static void test_uuid(void **state)
{
	static char front[3 * EXT4_BLOCK] = "x", middle[3 * EXT4_BLOCK];
	static const char *const bytes[] = {front, middle, front};
	struct scratch *s = *state;
	unsigned char uuids[4][16];

	middle[EXT4_BLOCK] = 'x';
	for (int i = 0; i < 4; i++) {
		struct ext4_options o = usual;
		struct tree t;

		o.label = i == 3 ? "other" : "label";
		tree_init(&t, 0);
		add_text(&t, "f", bytes[i % 3], sizeof(front));
		write_ok(s, "a.img", &t, &o);
		read_uuid(s, "a.img", uuids[i]);
		tree_clear(&t);
	}
	assert_memory_not_equal(uuids[0], uuids[1], 16);
	assert_memory_equal(uuids[0], uuids[2], 16);
	assert_memory_not_equal(uuids[0], uuids[3], 16);
}

static void test_times(void **state)
{
	static const int64_t epochs[] = {
		0, 1, -1, INT32_MIN, 4102444800, 8589934592, 15032385535};
	struct scratch *s = *state;
	char x[DIGEST_HEX], y[DIGEST_HEX];

	for (size_t i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++) {
		struct ext4_options o = usual;
		struct tree t;

		o.epoch = epochs[i];
		tree_init(&t, o.epoch);
		add_text(&t, "f", "x", 1)->mtime_ns = 999999999;
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
		/* Nanoseconds, shifted by the two bits of the epoch. */
		if (o.epoch == 0)
			expect_said(s, "a.img", "stat /f", "mtime: 0x00000000:ee6b27fc");
		if (o.epoch == 8589934592)
			expect_said(s, "a.img", "stat /f", "mtime: 0x00000000:ee6b27fe");
		if (o.epoch == 15032385535)
			expect_said(s, "a.img", "stat /f", "mtime: 0x7fffffff:ee6b27ff");
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
	o.epoch = (int64_t)1 << 40;
	o.size_bytes = (uint64_t)1 << 50;
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &o, &d), -1);
	scratch_expect(&d,
		"a.img: expected a label of at most 16 bytes, found \"seventeen "
		"letters\"",
		"a.img: expected a time that ext4 can hold, found 1099511627776",
		"a.img: expected a size of at most 64 TiB, found 1125899906842624");
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	scratch_text(s, "a.img", "mine");
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "a.img: File exists");
	expect_size(s, "a.img", 4);
	tree_clear(&t);
}

/* All problems are told, with their files' names, and nothing is made. */
static void test_problems(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};
	char path[64];

	tree_init(&t, 0);
	add(&t, "device", NODE_BLOCK)->device = makedev(5000, 0);
	add(&t, "early", NODE_FIFO)->mtime = (int64_t)INT32_MIN - 1;
	add(&t, "late", NODE_FIFO)->mtime = 15032385536;
	add_text(&t, "large", "", 0)->size = ((uint64_t)UINT32_MAX << 12) + 1;
	add(&t, "link", NODE_SYMLINK)->target = "";
	add_symlink(&t, "long", 4096);
	tree_finish(&t);
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "device: ext4 has no device numbers as large as 5000, 0",
		"early: its time is none that ext4 can hold (1901 to 2446)",
		"large: larger than ext4's 16 TiB",
		"late: its time is none that ext4 can hold (1901 to 2446)",
		"link: expected a link to 1 to 4095 bytes, found 0",
		"long: expected a link to 1 to 4095 bytes, found 4096");
	for (int i = 0; i < 30; i++) {
		snprintf(path, sizeof(path), "more/%d", i);
		add(&t, path, NODE_FIFO)->mtime_ns = 1000000000;
	}
	tree_finish(&t);
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	assert_int_equal(d.count, 21);
	assert_string_equal(d.lines[20].text, "a.img: 16 more problems like these");
	diag_clear(&d);
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	tree_clear(&t);
}

/* An output disk: empty, of a given size, its root folder open to all, nearly no blocks
 * on the host's disk. */
static void test_empty(void **state)
{
	static const uint64_t sizes[] = {
		1 << 20, 16 << 20, 200 << 20, (uint64_t)64 << 30, (uint64_t)1 << 40};
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
		assert_true((uint64_t)st.st_blocks * 512 < 65536 + sizes[i] / 10000);
		if (sizes[i] <= (uint64_t)64 << 30)
			check(s, "a.img");
		expect_said(s, "a.img", "stat /", "Mode:  01777");
		if (sizes[i] == 16 << 20)
			expect_said(s, "a.img", "show_super_stats -h",
				"Inode count:              1024");
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		tree_clear(&t);
	}
}

static void expect_too_small(
	struct scratch *s, struct tree *t, uint64_t size, const char *message)
{
	struct ext4_options o = usual;
	struct diag d = {0};

	o.size_bytes = size;
	assert_int_equal(ext4_write(s->fd, "b.img", t, &o, &d), -1);
	assert_int_equal(faccessat(s->fd, "b.img", F_OK, 0), -1);
	if (message) {
		scratch_expect(&d, message);
		return;
	}
	assert_int_equal(d.count, 1);
	assert_non_null(strstr(d.lines[0].text, "b.img: needs "));
	diag_clear(&d);
}

static void expect_large_enough(struct scratch *s, struct tree *t, uint64_t size)
{
	struct ext4_options o = usual;

	o.size_bytes = size;
	write_ok(s, "b.img", t, &o);
	expect_size(s, "b.img", size);
	check(s, "b.img");
	assert_int_equal(unlinkat(s->fd, "b.img", 0), 0);
}

/* As small as it gets is just enough, and a block less is not. */
static void test_sizes(void **state)
{
	struct scratch *s = *state;
	size_t size = 18 << 20;
	char *bytes = memory_alloc(size), path[64];
	struct tree t;
	struct stat st;

	fill_random(bytes, size, 5);
	tree_init(&t, 0);
	add_text(&t, "f", bytes, size);
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		add_text(&t, path, bytes, (size_t)i % 3);
	}
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
	assert_in_range(st.st_size, size, size + (3 << 20));
	expect_too_small(s, &t, 1024, NULL);
	expect_too_small(s, &t, 16 << 20, "b.img: needs 19.5 MiB, given 16.0 MiB");
	expect_too_small(s, &t, (uint64_t)st.st_size - EXT4_BLOCK, NULL);
	expect_large_enough(s, &t, (uint64_t)st.st_size);
	expect_large_enough(s, &t, (uint64_t)st.st_size + EXT4_BLOCK + 1);
	expect_large_enough(s, &t, 20447232); /* 19.5 MiB */
	tree_clear(&t);
	free(bytes);
}

/* Sizes alone would not fit. */
static void test_zeros_fit(void **state)
{
	struct scratch *s = *state;
	size_t size = 40 << 20;
	char *bytes = memory_alloc(size);
	struct tree t;

	bytes[size - 1] = 'x';
	tree_init(&t, 0);
	add_text(&t, "f", bytes, size);
	tree_finish(&t);
	expect_large_enough(s, &t, 1 << 20);
	expect_too_small(s, &t, 16 << 10, NULL);
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
		struct node *n;

		for (unsigned j = 0; j < runs[i]; j++)
			memset(bytes + (size_t)j * 8192, (int)(j % 255 + 1), 4096);
		tree_init(&t, 0);
		n = add_text(&t, "f", bytes, size);
		write_ok(s, "a.img", &t, &usual);
		assert_int_equal(n->data_runs, runs[i]);
		assert_int_equal(n->data_blocks, runs[i]);
		check(s, "a.img");
		expect_contents(s, "a.img", n);
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		tree_clear(&t);
		free(bytes);
	}
}

struct walked {
	struct ext4_io *io;
	uint32_t extents, blocks;
	uint32_t next; /* the logical block that must come next */
};

/* Expects an extent at every other block. */
static void walk_extents(struct walked *w, const void *node, unsigned room)
{
	const struct ext3_extent_header *h = node;
	const struct ext3_extent *x = EXT_FIRST_EXTENT(h);
	const struct ext3_extent_idx *below = EXT_FIRST_INDEX(h);
	_Alignas(8) char bytes[EXT4_BLOCK];
	struct diag d = {0};
	uint32_t sum;

	assert_int_equal(h->eh_magic, EXT3_EXT_MAGIC);
	assert_int_equal(h->eh_max, room);
	assert_in_range(h->eh_entries, 1, room);
	for (unsigned i = 0; i < h->eh_entries && h->eh_depth == 0; i++) {
		assert_int_equal(x[i].ee_block, w->next);
		assert_int_equal(x[i].ee_len, 1);
		w->next += 2;
		w->extents++;
	}
	for (unsigned i = 0; i < h->eh_entries && h->eh_depth > 0; i++) {
		assert_int_equal(below[i].ei_block, w->next);
		assert_int_equal(ext4_io_read(w->io, below[i].ei_leaf, bytes, &d), 0);
		memcpy(&sum, bytes + EXT4_BLOCK - 4, 4);
		assert_int_equal(sum, ext4_checksum(7, 12, bytes, EXT4_BLOCK - 4));
		assert_int_equal(
			((struct ext3_extent_header *)bytes)->eh_depth, h->eh_depth - 1);
		w->blocks++;
		walk_extents(w, bytes, EXT4_EXTENTS_PER_BLOCK);
	}
}

/* As many extents as a file of 8 GiB can have. */
static void test_many_extents(void **state)
{
	struct scratch *s = *state;
	const uint32_t runs = 1000000;
	int fd = openat(s->fd, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct ext4_layout layout;
	struct ext4_extents e;
	struct ext4_io io;
	_Alignas(8) struct ext4_map map;
	struct walked w = {.io = &io};
	struct diag d = {0};
	uint64_t physical;

	ext4_layout_start(&layout, 2 * (uint64_t)runs);
	ext4_io_init(&io, fd, 0, "x");
	ext4_extents_init(&e, &io, &layout);
	ext4_extents_start(&e, 12);
	for (uint32_t i = 0; i < runs; i++)
		assert_int_equal(
			ext4_extents_add(&e, 2 * (uint64_t)i, 1, &physical, &d), 0);
	assert_true(e.room < 2000);
	assert_int_equal(ext4_extents_finish(&e, &map, &d), 0);
	assert_int_equal(ext4_io_flush(&io, &d), 0);
	assert_int_equal(ext4_extents_seal(&e, 7, &d), 0);
	walk_extents(&w, map.bytes, 4);
	assert_int_equal(w.extents, runs);
	assert_int_equal(w.blocks, map.tree_blocks);
	assert_int_equal(map.blocks, runs);
	ext4_extents_clear(&e);
	ext4_io_clear(&io);
	close(fd);
}

/* In how many pieces a file comes does not show. */
static void test_pieces(void **state)
{
	struct ext4_layout layouts[2];
	struct ext4_extents e;
	struct ext4_map maps[2];
	struct diag d = {0};
	uint64_t physical;

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint64_t piece = i ? 100000 : 777;

		ext4_layout_start(&layouts[i], 100000);
		layouts[i].next = 32000;
		ext4_extents_init(&e, NULL, &layouts[i]);
		ext4_extents_start(&e, 12);
		for (uint64_t at = 0, n; at < 100000; at += n) {
			n = piece < 100000 - at ? piece : 100000 - at;
			assert_int_equal(ext4_extents_add(&e, at, n, &physical, &d), 0);
		}
		assert_int_equal(e.count, 5);
		assert_false(ext4_extents_is_simple(&e));
		e.count = 4; /* no blocks of extents in this test */
		assert_int_equal(ext4_extents_finish(&e, &maps[i], &d), 0);
		ext4_extents_clear(&e);
	}
	assert_memory_equal(maps[0].bytes, maps[1].bytes, sizeof(maps[0].bytes));
	assert_int_equal(layouts[0].next, layouts[1].next);
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
		n = i == 2 ? add_text(&t, "f", bytes, size) : add_host(s, &t, "f");
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

/* Holes at the start, in the middle, at the end, and everywhere. */
static void test_holes(void **state)
{
	static const char *const patterns[] = {
		"_x", "x_x", "x_", "_", "__x__x__", "xx__xx"};
	struct scratch *s = *state;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		size_t count = strlen(patterns[i]);
		char *bytes = memory_alloc(count * EXT4_BLOCK);
		struct tree t;
		struct node *n;

		for (size_t j = 0; j < count; j++)
			bytes[j * EXT4_BLOCK + j] = patterns[i][j] == 'x';
		tree_init(&t, 0);
		n = add_text(&t, "f", bytes, count * EXT4_BLOCK - 7);
		add_text(&t, "g", "behind", 6);
		write_ok(s, "a.img", &t, &usual);
		check(s, "a.img");
		expect_contents(s, "a.img", n);
		expect_contents(s, "a.img", tree_find(&t, "g"));
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		tree_clear(&t);
		free(bytes);
	}
}

/* 9 GiB with something at the start, in the middle and at the very end. */
static void test_sparse(void **state)
{
	struct scratch *s = *state;
	uint64_t size = ((uint64_t)9 << 30) + 5;
	struct ext4_options o = usual;
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
	o.stream.no_whole = 1;
	write_ok(s, "a.img", &t, &o);
	check(s, "a.img");
	expect_said(s, "a.img", "stat /f", "Size: 9663676421");
	expect_said(s, "a.img", "stat /f", "Blockcount: 24");
	assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
	assert_true(st.st_size < 1 << 20);
	tree_clear(&t);
}

/* Around the superblocks' backups at 128 MiB and 384 MiB, and what follows of a group. */
static void test_groups(void **state)
{
	struct scratch *s = *state;
	size_t size = 130 << 20;
	char *bytes = memory_alloc(size);
	struct buffer out = {0};
	struct tree t;

	fill_random(bytes, size, 6);
	tree_init(&t, 0);
	add_text(&t, "a", bytes, size);
	add_text(&t, "b", bytes + EXT4_BLOCK, size - EXT4_BLOCK);
	add_text(&t, "c", bytes + 2 * EXT4_BLOCK, size - 2 * EXT4_BLOCK);
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_contents(s, "a.img", tree_find(&t, "a"));
	expect_contents(s, "a.img", tree_find(&t, "c"));
	expect_said(
		s, "a.img", "stat /a", "(0-32765):2-32767, (32766-33279):32770-33283");
	/* The backups are where they are looked for. */
	scratch_must_run(s, &out, "dumpe2fs", "-h", "-o", "superblock=32768", "-o",
		"blocksize=4096", "a.img");
	assert_null(strstr(out.bytes, "invalid"));
	scratch_must_run(s, &out, "dumpe2fs", "-h", "-o", "superblock=98304", "-o",
		"blocksize=4096", "a.img");
	assert_null(strstr(out.bytes, "invalid"));
	buffer_clear(&out);
	tree_clear(&t);
	free(bytes);
}

/* Where the end of the tables comes to lie around the start of the second group. */
static void test_group_end(void **state)
{
	struct scratch *s = *state;
	size_t most = (size_t)33000 * EXT4_BLOCK;
	char *bytes = memory_alloc(most);

	fill_random(bytes, most, 7);
	for (size_t blocks = 32740; blocks < 32780; blocks += 9) {
		struct tree t;
		struct stat st;

		tree_init(&t, 0);
		add_text(&t, "f", bytes, blocks * EXT4_BLOCK);
		write_ok(s, "a.img", &t, &usual);
		check(s, "a.img");
		assert_int_equal(fstatat(s->fd, "a.img", &st, 0), 0);
		assert_int_equal(unlinkat(s->fd, "a.img", 0), 0);
		expect_large_enough(s, &t, (uint64_t)st.st_size);
		tree_clear(&t);
	}
	free(bytes);
}

static void test_folders(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	char path[400];

	tree_init(&t, 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "d/%0*d", 1 + i % 250, i);
		if (!tree_find(&t, path))
			add_text(&t, path, arena_strdup(&t.arena, path), strlen(path));
	}
	memset(path, 0xfe, 255);
	path[255] = '\0';
	add_text(&t, path, "x", 1);
	strcpy(path, "deep");
	for (int i = 0; i < 150; i++)
		strcat(path, "/d");
	add(&t, path, NODE_FOLDER);
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_contents(s, "a.img", tree_find(&t, "d/0"));
	tree_clear(&t);
}

static void expect_index(
	struct scratch *s, struct tree *t, const char *folder, unsigned levels)
{
	struct buffer out = {0};
	char *request = memory_printf("htree_dump /%s", folder);
	char *text = memory_printf("Indirect levels: %u\n", levels);
	struct node *n = tree_find(t, folder);
	size_t found = 0;

	scratch_must_run(s, &out, "debugfs", "-R", request, "a.img");
	assert_non_null(strstr(out.bytes, text));
	for (size_t i = 0; i < n->folder->count; i += 97) {
		char *entry = memory_printf(") %s", n->folder->list[i]->name);

		found += strstr(out.bytes, entry) != NULL;
		free(entry);
	}
	assert_int_equal(found, (n->folder->count + 96) / 97);
	free(text);
	free(request);
	buffer_clear(&out);
}

/* Folders around one block, and indexes of one level and of two. */
static void test_index(void **state)
{
	static const struct {
		const char *name;
		int count, length, levels; /* -1: no index */
	} folders[] = {{"none", 0, 1, -1}, {"block", 252, 6, -1}, {"two", 255, 6, 0},
		{"short", 20000, 6, 0}, {"long", 6591, 255, 0}, {"longer", 6592, 255, 1},
		{"longest", 20000, 255, 1}};
	struct scratch *s = *state;
	size_t n = sizeof(folders) / sizeof(folders[0]);
	struct tree t;
	char path[400];

	tree_init(&t, 0);
	for (size_t i = 0; i < n; i++) {
		add(&t, folders[i].name, NODE_FOLDER);
		for (int j = 0; j < folders[i].count; j++) {
			snprintf(path, sizeof(path), "%s/%0*d", folders[i].name,
				folders[i].length, j);
			add(&t, path, NODE_FIFO);
		}
	}
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	for (size_t i = 0; i < n; i++) {
		if (folders[i].levels >= 0)
			expect_index(s, &t, folders[i].name, (unsigned)folders[i].levels);
	}
	expect_said(s, "a.img", "stat /block", "Flags: 0x80000");
	expect_said(s, "a.img", "stat /two", "Flags: 0x81000");
	tree_clear(&t);
}

/* More subfolders than a link count can say. */
static void test_many_folders(void **state)
{
	struct scratch *s = *state;
	struct tree t;
	char path[64];

	tree_init(&t, 0);
	for (int i = 0; i < 65100; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		add(&t, path, NODE_FOLDER);
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
	struct node *f;
	char path[64];

	tree_init(&t, 0);
	f = add_text(&t, "f", "x", 1);
	for (int i = 1; i < 65000; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		tree_link(add(&t, path, NODE_HARDLINK), f);
	}
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_said(s, "a.img", "stat /d/64999", "Links: 65000");
	tree_link(add(&t, "one more", NODE_HARDLINK), f);
	tree_finish(&t);
	assert_int_equal(ext4_write(s->fd, "b.img", &t, &usual, &d), -1);
	scratch_expect(&d, "f: 65001 names, more than ext4's 65000");
	tree_clear(&t);
}

static void test_xattrs(void **state)
{
	static const char value[3000] = "v", other[3001] = "o";
	static const struct xattr in_inode[] = {
		{"security.capability", "\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20},
		{"user.e", "", 0}};
	static const struct xattr both[] = {{"trusted.b", value, sizeof(value)},
		{"user.a", "small", 5}, {"user.much longer", value, 900}};
	static const struct xattr single[] = {{"user.o", other, sizeof(other)}};
	struct scratch *s = *state;
	struct tree t;
	char path[64];

	tree_init(&t, 0);
	set_xattrs(&t, t.root, in_inode, 2);
	set_xattrs(&t, add_text(&t, "f", "x", 1), in_inode, 2);
	set_xattrs(&t, add(&t, "fifo", NODE_FIFO), single, 1);
	/* Blocks that are shared have at most 1024 users. */
	for (int i = 0; i < 2049; i++) {
		snprintf(path, sizeof(path), "d/%d", i);
		set_xattrs(&t, add(&t, path, NODE_FOLDER), both, 3);
	}
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_said(s, "a.img", "ea_list /", "user.e (0)");
	expect_said(s, "a.img", "ea_get /f security.capability", "01 00 00 02 00 04 00");
	expect_said(s, "a.img", "ea_list /f", "user.e (0)");
	expect_said(s, "a.img", "stat /f", "File ACL: 0");
	expect_said(s, "a.img", "ea_list /fifo", "user.o (3001)");
	expect_said(s, "a.img", "stat /fifo", "Blockcount: 8");
	expect_said(s, "a.img", "ea_list /d/2048", "trusted.b (3000)");
	expect_said(s, "a.img", "ea_list /d/7", "user.much longer (900)");
	expect_said(s, "a.img", "ea_get /d/1024 user.a", "small");
	expect_said(s, "a.img", "stat /d/0", "Blockcount: 16");
	tree_clear(&t);
}

/* As getxattr(2) gives it: u::rw-, u:1000:r--, g::r--, m::rw-, o::--- */
static const char acl[] = "\2\0\0\0"
			  "\1\0\6\0\377\377\377\377"
			  "\2\0\4\0\350\3\0\0"
			  "\4\0\4\0\377\377\377\377"
			  "\20\0\6\0\377\377\377\377"
			  "\40\0\0\0\377\377\377\377";

static void test_acl(void **state)
{
	static const struct xattr access = {
		"system.posix_acl_access", acl, sizeof(acl) - 1};
	static const struct xattr both[] = {
		{"system.posix_acl_access", acl, sizeof(acl) - 1},
		{"system.posix_acl_default", acl, sizeof(acl) - 1}};
	struct ext4_xattr_bytes bytes;
	struct scratch *s = *state;
	char problem[EXT4_XATTR_PROBLEM];
	struct xattrs x = {&access, 1};
	struct tree t;

	tree_init(&t, 0);
	set_xattrs(&t, add_text(&t, "f", "x", 1), &access, 1);
	set_xattrs(&t, add(&t, "d", NODE_FOLDER), both, 2);
	write_ok(s, "a.img", &t, &usual);
	check(s, "a.img");
	expect_said(
		s, "a.img", "ea_list /f", "system.posix_acl_access (28) = 01 00 00 00");
	expect_said(s, "a.img", "ea_list /d", "system.posix_acl_default (28)");
	/* On the disk: 4 bytes, and 4 for each entry, and 4 for the one that names one.
	 */
	assert_int_equal(ext4_xattr_encode(&x, &bytes, problem), 0);
	assert_memory_equal(bytes.inode + EXT4_XATTR_ROOM - 28,
		"\1\0\0\0\1\0\6\0\2\0\4\0\350\3\0\0\4\0\4\0\20\0\6\0\40\0\0\0", 28);
	tree_clear(&t);
}

static void test_bad_xattrs(void **state)
{
	static const char value[5000];
	static const struct xattr bad[] = {{"user.large", value, sizeof(value)},
		{"nowhere.x", "", 0}, {"user.", "", 0}, {"system.data", "", 0},
		{"system.posix_acl_access", acl, 7},
		{"system.posix_acl_default", "\3\0\0\0", 4}};
	struct scratch *s = *state;
	struct tree t;
	struct diag d = {0};

	tree_init(&t, 0);
	for (int i = 0; i < 6; i++)
		set_xattrs(&t,
			add(&t, (char[]){'d', '/', (char)('0' + i), '\0'}, NODE_FIFO),
			&bad[i], 1);
	tree_finish(&t);
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	scratch_expect(&d, "d/0: its extended attributes take more than 4 KiB",
		"d/1: ext4 has no place for an extended attribute \"nowhere.x\"",
		"d/2: ext4 has no place for an extended attribute \"user.\"",
		"d/3: ext4 has no place for an extended attribute \"system.data\"",
		"d/4: its extended attribute system.posix_acl_access is no ACL",
		"d/5: its extended attribute system.posix_acl_default is no ACL");
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
	scratch_text(s, "f", "after, and longer");
	assert_int_equal(ext4_write(s->fd, "a.img", &t, &usual, &d), -1);
	assert_int_equal(d.count, 1);
	assert_non_null(strstr(d.lines[0].text, "f: changed"));
	diag_clear(&d);
	assert_int_equal(faccessat(s->fd, "a.img", F_OK, 0), -1);
	tree_clear(&t);
}

/* /dev/full takes no byte: a write that is put off must still be heard of. */
static void test_full_disk(void **state)
{
	static char blocks[3 * EXT4_BLOCK];
	struct ext4_io io;
	struct diag d = {0};
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	memset(blocks, 1, sizeof(blocks));
	ext4_io_init(&io, fd, 0, "a.img");
	assert_int_equal(ext4_io_put(&io, 7, blocks, &d), 0);
	assert_int_equal(ext4_io_flush(&io, &d), -1);
	assert_int_equal(ext4_io_put(&io, 7, blocks, &d), 0);
	assert_int_equal(ext4_io_put(&io, 9, blocks, &d), -1);
	assert_int_equal(ext4_io_write(&io, 7, blocks, 3, &d), -1);
	assert_int_equal(ext4_io_patch(&io, 7, 5, blocks, 3, &d), -1);
	scratch_expect(&d, "a.img: No space left on device",
		"a.img: No space left on device", "a.img: No space left on device",
		"a.img: No space left on device");
	ext4_io_clear(&io);
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
	for (off_t size = 4096; size < st.st_size; size += 16384) {
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
		WITH_FOLDER(test_uuid),
		WITH_FOLDER(test_times),
		WITH_FOLDER(test_bad_options),
		WITH_FOLDER(test_problems),
		WITH_FOLDER(test_empty),
		WITH_FOLDER(test_sizes),
		WITH_FOLDER(test_zeros_fit),
		WITH_FOLDER(test_fragmented),
		WITH_FOLDER(test_many_extents),
		cmocka_unit_test(test_pieces),
		WITH_FOLDER(test_layouts),
		WITH_FOLDER(test_holes),
		WITH_FOLDER(test_sparse),
		WITH_FOLDER(test_groups),
		WITH_FOLDER(test_group_end),
		WITH_FOLDER(test_folders),
		WITH_FOLDER(test_index),
		WITH_FOLDER(test_many_folders),
		WITH_FOLDER(test_many_links),
		WITH_FOLDER(test_xattrs),
		WITH_FOLDER(test_acl),
		WITH_FOLDER(test_bad_xattrs),
		WITH_FOLDER(test_changed),
		WITH_FOLDER(test_write_errors),
		cmocka_unit_test(test_full_disk),
	};

	setenv("TZ", "UTC", 1);
	setenv("LC_ALL", "C", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
