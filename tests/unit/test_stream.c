/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <stdatomic.h>

#include "compiler/stream.h"

#define BLOCK TREE_BLOCK
#define MIB (1024 * 1024)

enum origin { MEMORY, HOST, HOST_HOLES, SPOOL };

/* A file of the tree, and what must be found out about it. */
struct want {
	struct node *node;
	const char *bytes;
	size_t size;
	uint32_t blocks, runs;
	unsigned char sha256[DIGEST_BYTES], data_sha256[DIGEST_BYTES];
};

struct fixture {
	struct scratch *scratch;
	struct tree tree;
	struct host_folder folder;
	struct arena arena;
	struct want *wants; /* in the tree's order, as they must be added */
	size_t count, room, blocks;
};

static void open_fixture(struct fixture *f, struct scratch *s)
{
	struct stat st;

	*f = (struct fixture){.scratch = s};
	tree_init(&f->tree, 0);
	scratch_folder(s, "host");
	assert_int_equal(fstatat(s->fd, "host", &st, 0), 0);
	f->folder = (struct host_folder){
		.path = arena_printf(&f->arena, "%s/host", s->path),
		.name = "data",
		.device = st.st_dev,
		.inode = st.st_ino,
	};
}

static void close_fixture(struct fixture *f)
{
	struct diag d = {0};

	file_remove_tree(f->scratch->fd, "host", &d);
	scratch_expect_none(&d);
	tree_clear(&f->tree);
	arena_clear(&f->arena);
	free(f->wants);
}

static int is_zero(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return 0;
	}
	return 1;
}

static void note_wanted(struct fixture *f, struct want *w)
{
	struct digest *whole = digest_new(), *data = digest_new();
	int in_run = 0;

	for (size_t at = 0; at < w->size; at += BLOCK) {
		size_t size = w->size - at < BLOCK ? w->size - at : BLOCK;
		int holds = !is_zero(w->bytes + at, size);

		digest_add(whole, w->bytes + at, size);
		if (holds)
			digest_add(data, w->bytes + at, size);
		w->blocks += (uint32_t)holds;
		w->runs += (uint32_t)(holds && !in_run);
		in_run = holds;
	}
	digest_take(whole, w->sha256);
	digest_take(data, w->data_sha256);
	digest_drop(whole);
	digest_drop(data);
	f->blocks += w->blocks;
}

static void write_host_file(struct fixture *f, const struct want *w, enum origin origin)
{
	int folder = openat(f->scratch->fd, "host", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(folder, w->node->host->name,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)w->size), 0);
	for (size_t at = 0; at < w->size; at += BLOCK) {
		size_t size = w->size - at < BLOCK ? w->size - at : BLOCK;

		if (origin == HOST_HOLES && is_zero(w->bytes + at, size))
			continue;
		assert_int_equal(file_write_at(fd, w->bytes + at, size, (off_t)at), 0);
	}
	close(fd);
	close(folder);
}

static void fill_from_host(struct fixture *f, const struct want *w, enum origin origin)
{
	struct host_file *h = arena_alloc(&f->tree.arena, sizeof(*h));
	struct stat st;

	h->folder = &f->folder;
	h->name = arena_printf(&f->tree.arena, "f%zu", f->count);
	w->node->source_kind = SOURCE_HOST;
	w->node->host = h;
	w->node->size = w->size;
	write_host_file(f, w, origin);
	assert_int_equal(fstatat(f->scratch->fd,
				 arena_printf(&f->arena, "host/%s", h->name), &st, 0),
		0);
	h->device = st.st_dev;
	h->inode = st.st_ino;
	h->mtime = tree_stamp(&st.st_mtim);
	h->ctime = tree_stamp(&st.st_ctim);
}

static void fill_from_spool(struct fixture *f, const struct want *w)
{
	struct diag d = {0};
	int fd = tree_open_spool(&f->tree, &d);

	scratch_expect_none(&d);
	w->node->source_kind = SOURCE_SPOOL;
	w->node->offset = f->tree.spool_size;
	w->node->size = w->size;
	assert_int_equal(
		file_write_at(fd, w->bytes, w->size, (off_t)f->tree.spool_size), 0);
	f->tree.spool_size += w->size;
}

/* Adds a file with these bytes, which the fixture's arena holds. */
static struct node *add(struct fixture *f, const char *path, enum origin origin,
	const char *bytes, size_t size)
{
	struct diag d = {0};
	struct want *w;

	if (f->count == f->room) {
		f->room = f->room ? f->room * 2 : 64;
		f->wants = memory_resize(f->wants, f->room * sizeof(*f->wants));
	}
	w = &f->wants[f->count];
	*w = (struct want){.bytes = bytes, .size = size};
	w->node = tree_add(&f->tree, path, NODE_FILE, 0644, NULL, &d);
	scratch_expect_none(&d);
	if (origin == MEMORY)
		tree_fill_text(w->node, bytes, size);
	else if (origin == SPOOL)
		fill_from_spool(f, w);
	else
		fill_from_host(f, w, origin);
	note_wanted(f, w);
	f->count++;
	return w->node;
}

/* Bytes of which no block is zero. */
static char *make_noise(struct fixture *f, size_t size, uint64_t seed)
{
	char *bytes = arena_alloc(&f->arena, size);

	for (size_t i = 0; i < size; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (char)(seed >> 40 | 1);
	}
	return bytes;
}

static const size_t sizes[] = {
	0, 1, BLOCK - 1, BLOCK, BLOCK + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 17};

static void add_sizes(struct fixture *f, const char *folder, enum origin origin)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *path = arena_printf(&f->arena, "%s/s%zu", folder, i);

		add(f, path, origin, make_noise(f, sizes[i], i + 1), sizes[i]);
	}
}

/* Where a file of 4 MiB and a bit has holes, in blocks. */
struct gap {
	unsigned from, to;
};

static const struct gap gaps[][4] = {
	{{0, 1}},
	{{1, 2}},
	{{255, 256}, {256, 257}, {511, 513}},
	{{0, 255}, {257, 512}},
	{{200, 300}, {302, 900}},
	{{0, 1024}},
	{{1023, 1024}, {1024, 1025}},
	{{1024, 1025}},
	{{100, 1025}},
	{{0, 1025}},
};

static void add_gaps(struct fixture *f, const char *folder, enum origin origin)
{
	const size_t size = 1024 * BLOCK + 100;

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		char *bytes = make_noise(f, size, i + 77);

		for (size_t k = 0; k < 4; k++) {
			size_t from = gaps[i][k].from * (size_t)BLOCK;
			size_t to = gaps[i][k].to * (size_t)BLOCK;

			memset(bytes + from, 0, (to < size ? to : size) - from);
		}
		add(f, arena_printf(&f->arena, "%s/g%zu", folder, i), origin, bytes,
			size);
	}
}

/* Every other block of 3 MiB is a hole, and small files with holes. */
static void add_combs(struct fixture *f, const char *folder, enum origin origin)
{
	for (size_t i = 0; i < 4; i++) {
		size_t size = i == 3 ? 3 * MIB : (i + 2) * BLOCK - 7;
		char *bytes = make_noise(f, size, i + 5);

		for (size_t at = i == 1 ? 0 : BLOCK; at < size; at += (size_t)2 * BLOCK)
			memset(bytes + at, 0, size - at < BLOCK ? size - at : BLOCK);
		add(f, arena_printf(&f->arena, "%s/c%zu", folder, i), origin, bytes,
			size);
	}
}

static const char *make_deep_path(struct fixture *f)
{
	struct buffer b = {0};
	const char *path;

	for (int i = 0; i < 200; i++)
		buffer_add_text(&b, "d/");
	buffer_add_text(&b, "x");
	path = arena_strdup(&f->arena, b.bytes);
	buffer_clear(&b);
	return path;
}

static void add_crowd(struct fixture *f, const char *folder, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = (i * 2654435761u >> 7) % 9000;

		if (i % 50 == 0)
			size = 0;
		add(f, arena_printf(&f->arena, "%s/%05zu", folder, i), i % 4,
			make_noise(f, size, i + 1), size);
	}
}

/* A sink that keeps everything and watches how it is called. */
struct recorder {
	char *image;
	atomic_uchar *written; /* how often, by block */
	uint64_t blocks;       /* placed */
	struct record {
		struct node *node;
		uint64_t logical, count, physical;
	} * records; /* of runs, in order */
	size_t record_count;
	atomic_size_t finished;
	const struct fixture *fixture;
	atomic_int busy, calls;
	int fail_at;	  /* the call that fails; 0: none */
	atomic_int wrong; /* the line of an expectation that did not hold */
	enum { NO_CLASH, WRITE_LAST, FINISH_LAST } clash; /* of two failures */
	atomic_int clashed;
	void (*change)(int folder, const char *name); /* what write() does to a file */
};

/* A thread that is not the test's cannot end it. */
#define EXPECT(r, holds) ((holds) ? (void)0 : atomic_store(&(r)->wrong, __LINE__))

static int count_call(struct recorder *r, struct diag *d)
{
	int call = atomic_fetch_add(&r->calls, 1) + 1;

	return call == r->fail_at ? diag_fail(d, "call %d", call) : 0;
}

/* Two calls fail, one of them once the other has. */
static int fail_in_turn(struct recorder *r, int last, const char *text, struct diag *d)
{
	for (int i = 0; last && !atomic_load(&r->clashed) && i < 5000; i++)
		usleep(1000);
	if (last)
		usleep(20000);
	atomic_store(&r->clashed, 1);
	return diag_fail(d, "%s", text);
}

static int record_place(
	void *context, struct stream_run *runs, size_t count, struct diag *d)
{
	struct recorder *r = context;

	EXPECT(r, atomic_exchange(&r->busy, 1) == 0);
	EXPECT(r, count > 0);
	for (size_t i = 0; i < count; i++) {
		/* Only of the file that is the next to be finished. */
		EXPECT(r, runs[i].node == r->fixture->wants[r->finished].node);
		runs[i].physical = r->blocks;
		r->blocks += runs[i].count;
		r->records[r->record_count++] = (struct record){
			runs[i].node, runs[i].logical, runs[i].count, runs[i].physical};
	}
	atomic_store(&r->busy, 0);
	return count_call(r, d);
}

static int record_finish(void *context, struct node *n,
	const unsigned char data_sha256[DIGEST_BYTES], struct diag *d)
{
	struct recorder *r = context;
	const struct want *w = &r->fixture->wants[r->finished++];

	EXPECT(r, atomic_exchange(&r->busy, 1) == 0);
	EXPECT(r, n == w->node);
	EXPECT(r, n->measured);
	EXPECT(r, n->data_blocks == w->blocks);
	EXPECT(r, n->data_runs == w->runs);
	EXPECT(r, memcmp(data_sha256, w->data_sha256, DIGEST_BYTES) == 0);
	atomic_store(&r->busy, 0);
	if (r->clash && r->finished == r->fixture->count)
		return fail_in_turn(r, r->clash == FINISH_LAST, "finish", d);
	return count_call(r, d);
}

/* Where there is one, it has the same bytes. */
static void check_descriptor(struct recorder *r, const struct stream_run *run)
{
	size_t offset = run->logical * BLOCK, left = run->node->size - offset;
	size_t size = run->count * BLOCK < left ? run->count * BLOCK : left;
	char *bytes;

	if (run->fd < 0)
		return;
	bytes = memory_alloc(size);
	EXPECT(r, pread(run->fd, bytes, size, (off_t)offset) == (ssize_t)size);
	EXPECT(r, memcmp(bytes, run->bytes, size) == 0);
	free(bytes);
}

static int record_write(
	void *context, const struct stream_run *runs, size_t count, struct diag *d)
{
	struct recorder *r = context;

	if (r->change && r->finished == r->fixture->count)
		r->change(r->fixture->scratch->fd, "host/f0");
	for (size_t i = 0; i < count; i++) {
		memcpy(r->image + runs[i].physical * BLOCK, runs[i].bytes,
			runs[i].count * BLOCK);
		check_descriptor(r, &runs[i]);
		for (uint64_t k = 0; k < runs[i].count; k++)
			r->written[runs[i].physical + k]++;
	}
	if (r->clash && runs[0].node == r->fixture->wants[0].node)
		return fail_in_turn(r, r->clash == WRITE_LAST, "write", d);
	return count_call(r, d);
}

static void open_recorder(struct recorder *r, const struct fixture *f)
{
	*r = (struct recorder){.fixture = f};
	r->image = memory_alloc(f->blocks * BLOCK);
	r->written = memory_alloc(f->blocks);
	r->records = memory_alloc((f->blocks + 1) * sizeof(*r->records));
}

static void close_recorder(struct recorder *r)
{
	assert_int_equal(r->wrong, 0);
	free(r->image);
	free(r->written);
	free(r->records);
}

static int run_stream(struct fixture *f, unsigned threads, int no_whole,
	struct recorder *r, struct diag *d)
{
	struct stream_options o = {.threads = threads, .no_whole = no_whole};
	struct stream_sink sink = {
		.context = r,
		.place = record_place,
		.finish = record_finish,
		.write = record_write,
	};

	return stream_files(&f->tree, &o, r ? &sink : NULL, d);
}

/* What was placed of a file is its data, and the rest of it is zeros. */
static void check_image(const struct fixture *f, const struct recorder *r)
{
	const struct record *record = r->records, *end = record + r->record_count;

	for (size_t i = 0; i < f->count; i++) {
		const struct want *w = &f->wants[i];
		size_t blocks = (w->size + BLOCK - 1) / BLOCK;
		char *bytes = memory_alloc(blocks * BLOCK);

		for (; record < end && record->node == w->node; record++)
			memcpy(bytes + record->logical * BLOCK,
				r->image + record->physical * BLOCK,
				record->count * BLOCK);
		if (w->size)
			assert_memory_equal(bytes, w->bytes, w->size);
		assert_true(is_zero(bytes + w->size, blocks * BLOCK - w->size));
		free(bytes);
	}
	assert_ptr_equal(record, end);
	assert_int_equal(r->finished, f->count);
	assert_int_equal(r->blocks, f->blocks);
	for (size_t i = 0; i < f->blocks; i++)
		assert_int_equal(r->written[i], 1);
}

static void forget(struct fixture *f)
{
	for (size_t i = 0; i < f->count; i++) {
		f->wants[i].node->measured = 0;
		f->wants[i].node->data_blocks = f->wants[i].node->data_runs = 99;
		memset(f->wants[i].node->sha256, 99, DIGEST_BYTES);
	}
}

static void check_nodes(const struct fixture *f, int no_whole)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct want *w = &f->wants[i];

		assert_int_equal(w->node->measured, 1);
		assert_int_equal(w->node->data_blocks, w->blocks);
		assert_int_equal(w->node->data_runs, w->runs);
		assert_memory_equal(w->node->sha256,
			no_whole ? w->data_sha256 : w->sha256, DIGEST_BYTES);
	}
}

static void check_once(struct fixture *f, unsigned threads, int no_whole, int with_sink)
{
	struct diag d = {0};
	struct recorder r;

	forget(f);
	open_recorder(&r, f);
	if (run_stream(f, threads, no_whole, with_sink ? &r : NULL, &d) < 0)
		fail_msg("%s", d.count ? d.lines[0].text : "no message");
	scratch_expect_none(&d);
	if (with_sink)
		check_image(f, &r);
	check_nodes(f, no_whole);
	close_recorder(&r);
}

static void check_all(struct fixture *f)
{
	tree_finish(&f->tree);
	for (unsigned threads = 0; threads <= 4; threads++)
		check_once(f, threads, 0, 1);
	check_once(f, 2, 1, 1);
	check_once(f, 2, 0, 0);
	check_once(f, 3, 1, 0);
}

static void test_nothing(void **state)
{
	struct fixture f;
	struct diag d = {0};

	open_fixture(&f, *state);
	tree_finish(&f.tree);
	assert_int_equal(run_stream(&f, 0, 0, NULL, &d), 0);
	check_all(&f);
	close_fixture(&f);
}

static void test_sizes(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	add_sizes(&f, "a", HOST);
	add_sizes(&f, "b", MEMORY);
	add(&f, make_deep_path(&f), MEMORY, "deep", 4);
	add_sizes(&f, "e", SPOOL);
	check_all(&f);
	close_fixture(&f);
}

static void test_holes(void **state)
{
	struct fixture f;

	for (enum origin origin = MEMORY; origin <= SPOOL; origin++) {
		open_fixture(&f, *state);
		add_combs(&f, "a", origin);
		add_gaps(&f, "b", origin);
		check_all(&f);
		close_fixture(&f);
	}
}

static void test_crowd(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	add_crowd(&f, "a", 3000);
	check_all(&f);
	close_fixture(&f);
}

static void add_mixture(struct fixture *f)
{
	add_crowd(f, "a", 10);
	add(f, "b", HOST, make_noise(f, 2 * MIB + 5, 1), 2 * MIB + 5);
	add_crowd(f, "c", 5);
	add(f, "d", SPOOL, make_noise(f, 5 * MIB, 1), 5 * MIB);
	add(f, "e", MEMORY, "e", 1);
	tree_finish(&f->tree);
}

static void test_sink_errors(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	add_mixture(&f);
	for (unsigned threads = 1; threads <= 4; threads++) {
		int rc = -1;

		for (int call = 1; rc < 0; call++) {
			const char *text = arena_printf(&f.arena, "call %d", call);
			struct diag d = {0};
			struct recorder r;

			open_recorder(&r, &f);
			r.fail_at = call;
			rc = run_stream(&f, threads, 0, &r, &d);
			if (rc < 0)
				scratch_expect(&d, text);
			else
				assert_int_equal(r.calls, call - 1);
			scratch_expect_none(&d);
			close_recorder(&r);
			assert_true(call < 1000);
		}
	}
	close_fixture(&f);
}

/* Of two failures the one in the earlier file is told, whichever comes first. */
static void test_two_errors(void **state)
{
	struct fixture f;

	open_fixture(&f, *state);
	add(&f, "a", MEMORY, "a", 1);
	add(&f, "b", MEMORY, make_noise(&f, MIB, 1), MIB);
	add(&f, "c", MEMORY, "c", 1);
	tree_finish(&f.tree);
	for (unsigned threads = 2; threads <= 4; threads++) {
		for (int clash = WRITE_LAST; clash <= FINISH_LAST; clash++) {
			struct diag d = {0};
			struct recorder r;

			open_recorder(&r, &f);
			r.clash = clash;
			assert_int_equal(run_stream(&f, threads, 0, &r, &d), -1);
			scratch_expect(&d, "write");
			close_recorder(&r);
		}
	}
	close_fixture(&f);
}

static void grow(int folder, const char *name)
{
	int fd = openat(folder, name, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(file_write(fd, "x", 1), 0);
	close(fd);
}

static void shrink(int folder, const char *name)
{
	int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, 100), 0);
	close(fd);
}

static void rewrite(int folder, const char *name)
{
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);

	assert_int_equal(file_write_at(fd, "other", 5, 0), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void vanish(int folder, const char *name)
{
	assert_int_equal(unlinkat(folder, name, 0), 0);
}

static void become_fifo(int folder, const char *name)
{
	vanish(folder, name);
	assert_int_equal(mkfifoat(folder, name, 0644), 0);
}

static void become_link(int folder, const char *name)
{
	assert_int_equal(renameat(folder, name, folder, "moved"), 0);
	assert_int_equal(symlinkat("moved", folder, name), 0);
}

static void become_other(int folder, const char *name)
{
	struct stat st;
	int fd;

	assert_int_equal(fstatat(folder, name, &st, 0), 0);
	assert_int_equal(renameat(folder, name, folder, "moved"), 0);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, st.st_size), 0);
	assert_int_equal(futimens(fd, (struct timespec[2]){st.st_atim, st.st_mtim}), 0);
	close(fd);
}

#define CHANGED "changed while it was read"

static const struct {
	void (*change)(int folder, const char *name);
	const char *text;
} changes[] = {
	{grow, CHANGED},
	{shrink, CHANGED},
	{rewrite, CHANGED},
	{vanish, "No such file or directory"},
	{become_fifo, CHANGED},
	{become_link, "Too many levels of symbolic links"},
	{become_other, CHANGED},
};

/* A small file and a large one change in the same way; the first is told. */
static void check_change(struct scratch *s, size_t change, unsigned threads, int large)
{
	struct fixture f;
	struct recorder r;
	struct diag d = {0};
	struct node *small_node, *large_node;
	const char *name;
	int folder = -1;

	open_fixture(&f, s);
	add_crowd(&f, "a", 5);
	large_node = add(&f, "b", HOST, make_noise(&f, 2 * MIB, 1), 2 * MIB);
	add_crowd(&f, "c", 30);
	small_node = add(&f, "d", HOST, make_noise(&f, 8000, 1), 8000);
	add_crowd(&f, "e", 5);
	tree_finish(&f.tree);
	open_recorder(&r, &f);
	folder = openat(s->fd, "host", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	changes[change].change(folder, small_node->host->name);
	(void)unlinkat(folder, "moved", 0);
	if (large)
		changes[change].change(folder, large_node->host->name);
	name = large ? large_node->host->name : small_node->host->name;
	assert_int_equal(run_stream(&f, threads, 0, large & 1 ? &r : NULL, &d), -1);
	scratch_expect(
		&d, arena_printf(&f.arena, "data/%s: %s", name, changes[change].text));
	assert_int_equal(small_node->measured, 0);
	close(folder);
	close_recorder(&r);
	close_fixture(&f);
}

static void test_changes(void **state)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		for (unsigned threads = 1; threads <= 4; threads++) {
			check_change(*state, i, threads, 0);
			check_change(*state, i, threads, 1);
		}
	}
}

/* Blocks may be cloned from a large file until the last write() is through. */
static void test_late_change(void **state)
{
	for (unsigned threads = 1; threads <= 4; threads++) {
		struct fixture f;
		struct recorder r;
		struct diag d = {0};

		open_fixture(&f, *state);
		add(&f, "a", HOST, make_noise(&f, 2 * MIB, 1), 2 * MIB);
		tree_finish(&f.tree);
		open_recorder(&r, &f);
		assert_int_equal(run_stream(&f, threads, 0, &r, &d), 0);
		check_image(&f, &r);
		close_recorder(&r);
		open_recorder(&r, &f);
		r.change = grow;
		assert_int_equal(run_stream(&f, threads, 0, &r, &d), -1);
		scratch_expect(&d, "data/f0: " CHANGED);
		close_recorder(&r);
		close_fixture(&f);
	}
}

static void test_other_folder(void **state)
{
	struct scratch *s = *state;
	struct fixture f;
	struct diag d = {0};

	open_fixture(&f, s);
	add(&f, "a", HOST, "1", 1);
	tree_finish(&f.tree);
	assert_int_equal(renameat(s->fd, "host", s->fd, "scanned"), 0);
	scratch_folder(s, "host");
	assert_int_equal(linkat(s->fd, "scanned/f0", s->fd, "host/f0", 0), 0);
	assert_int_equal(run_stream(&f, 2, 0, NULL, &d), -1);
	scratch_expect(&d, "data/f0: " CHANGED);
	assert_int_equal(file_remove_tree(s->fd, "scanned", &d), 0);
	close_fixture(&f);
}

/* What is measured is read again for a sink only. */
static void test_measured(void **state)
{
	struct fixture f;
	struct recorder r;
	struct diag d = {0};
	struct node *n;

	open_fixture(&f, *state);
	n = add(&f, "a", HOST, make_noise(&f, 3 * MIB, 1), 3 * MIB);
	add(&f, "b", HOST, "b", 1);
	tree_finish(&f.tree);
	assert_int_equal(run_stream(&f, 2, 0, NULL, &d), 0);
	check_nodes(&f, 0);
	assert_int_equal(unlinkat(f.scratch->fd, "host/f0", 0), 0);
	f.wants[1].node->measured = 0;
	assert_int_equal(run_stream(&f, 2, 0, NULL, &d), 0);
	check_nodes(&f, 0);
	open_recorder(&r, &f);
	assert_int_equal(run_stream(&f, 2, 0, &r, &d), -1);
	scratch_expect(&d, "data/f0: No such file or directory");
	assert_string_equal(n->host->name, "f0");
	close_recorder(&r);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_nothing, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_sizes, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_holes, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_crowd, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_sink_errors, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_two_errors, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_changes, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_late_change, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_other_folder, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_measured, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
