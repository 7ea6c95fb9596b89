/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "common/digest.h"
#include "compiler/iso.h"

static const struct iso_file usual[] = {
	{"params.txt", "beta=1.7\n", 9, 0},
	{"params.sh", "export WU_beta='1.7'\n", 21, 0},
	{"params.json", "{\"beta\":1.7}\n", 13, 0},
	{"args", "beta=1.7", 9, 0},
};

static void write_ok(struct scratch *s, struct iso_writer *w, const char *name,
	const struct iso_file *files, size_t count, char sha256[DIGEST_HEX],
	uint64_t *size)
{
	struct diag d = {0};
	char again[DIGEST_HEX];
	uint64_t size_again;
	struct stat st;

	assert_non_null(w);
	if (iso_write(w, s->fd, name, files, count, sha256, size, &d) < 0)
		scratch_expect_none(&d);
	assert_int_equal(digest_of_file(s->fd, name, again, &size_again, &d), 0);
	assert_string_equal(sha256, again);
	assert_int_equal(*size, size_again);
	assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static struct iso_writer *open_ok(int64_t epoch)
{
	struct diag d = {0};
	struct iso_writer *w = iso_open("WU_PARAMS", epoch, &d);

	scratch_expect_none(&d);
	assert_non_null(w);
	return w;
}

static void test_readers(void **state)
{
	struct scratch *s = *state;
	struct iso_writer *w = open_ok(1700000000);
	struct buffer out = {0};
	char sha256[DIGEST_HEX];
	uint64_t size;

	write_ok(s, w, "a.iso", usual, 4, sha256, &size);
	iso_close(w);
	scratch_must_run(s, &out, "isoinfo", "-R", "-f", "-i", "a.iso");
	assert_string_equal(out.bytes, "/args\n/params.json\n/params.sh\n/params.txt\n");
	scratch_must_run(s, &out, "isoinfo", "-d", "-i", "a.iso");
	assert_non_null(strstr(out.bytes, "Volume id: WU_PARAMS\n"));
	assert_non_null(strstr(out.bytes, "NO Joliet present"));
	scratch_must_run(s, &out, "isoinfo", "-l", "-R", "-i", "a.iso");
	assert_non_null(strstr(out.bytes, "-r--r--r--"));
	assert_non_null(strstr(out.bytes, "Nov 14 2023"));
	scratch_must_run(s, &out, "xorriso", "-abort_on", "WARNING", "-report_about",
		"HINT", "-indev", "a.iso", "-osirrox", "on", "-extract", "/", "out");
	if (strstr(out.bytes, "WARNING") || strstr(out.bytes, "SORRY"))
		fail_msg("%s", out.bytes);
	for (size_t i = 0; i < 4; i++) {
		struct diag d = {0};
		char *path = memory_printf("out/%s", usual[i].name);
		size_t found;
		char *bytes = file_read(s->fd, path, 1000, &found, &d);

		assert_non_null(bytes);
		assert_int_equal(found, usual[i].size);
		assert_memory_equal(bytes, usual[i].bytes, found);
		free(bytes);
		free(path);
	}
	buffer_clear(&out);
}

/* Zeros take no room: not the 32 KiB at the start, not what a file holds. */
static void test_holes(void **state)
{
	struct scratch *s = *state;
	struct iso_writer *w = open_ok(0);
	static char zeros[300000];
	const struct iso_file files[] = {{"a", "x", 1, 0}, {"empty", "", 0, 0},
		{"zeros", zeros, sizeof(zeros), 0}};
	char sha256[DIGEST_HEX];
	uint64_t size;
	struct stat st;

	write_ok(s, w, "a.iso", usual, 4, sha256, &size);
	assert_in_range(size, 40000, 80000);
	assert_int_equal(fstatat(s->fd, "a.iso", &st, 0), 0);
	assert_in_range(st.st_blocks * 512, 1, 24576);
	write_ok(s, w, "b.iso", files, 3, sha256, &size);
	assert_true(size > 300000);
	assert_int_equal(fstatat(s->fd, "b.iso", &st, 0), 0);
	assert_in_range(st.st_blocks * 512, 1, 24576);
	write_ok(s, w, "c.iso", NULL, 0, sha256, &size);
	iso_close(w);
}

/* Larger than libisofs' queue and our buffer. */
static void test_large(void **state)
{
	struct scratch *s = *state;
	struct iso_writer *w = open_ok(0);
	size_t size = 5000001, found;
	char *bytes = memory_alloc(size), *read_back, sha256[DIGEST_HEX];
	struct iso_file file = {"large", bytes, size, 0};
	struct buffer out = {0};
	struct diag d = {0};
	uint64_t image_size;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 7 + i / 1000);
	write_ok(s, w, "a.iso", &file, 1, sha256, &image_size);
	iso_close(w);
	scratch_must_run(s, &out, "xorriso", "-indev", "a.iso", "-osirrox", "on",
		"-extract", "/large", "out");
	read_back = file_read(s->fd, "out", size, &found, &d);
	assert_non_null(read_back);
	assert_int_equal(found, size);
	assert_memory_equal(read_back, bytes, size);
	free(read_back);
	free(bytes);
	buffer_clear(&out);
}

/* The same bytes wherever, whenever and after however many others. */
static void test_same_bytes(void **state)
{
	static const int64_t epochs[] = {0, 1700000000, -1};
	static const char *const zones[] = {"UTC", "Asia/Tokyo", "America/St_Johns"};
	struct scratch *s = *state;
	char first[DIGEST_HEX], sha256[DIGEST_HEX], name[32];
	uint64_t size;

	for (size_t e = 0; e < 3; e++) {
		for (size_t z = 0; z < 3; z++) {
			struct iso_writer *w;

			setenv("TZ", zones[z], 1);
			setenv("LC_ALL", z ? "C.UTF-8" : "C", 1);
			tzset();
			umask(z ? 077 : 0);
			w = open_ok(epochs[e]);
			for (size_t i = 0; i < 3; i++) {
				snprintf(name, sizeof(name), "%zu-%zu-%zu", e, z, i);
				write_ok(s, w, name, usual, 4, z + i ? sha256 : first,
					&size);
				if (z + i)
					assert_string_equal(first, sha256);
				write_ok(s, w, "other", usual + i, 1, sha256, &size);
				assert_int_equal(unlinkat(s->fd, "other", 0), 0);
			}
			iso_close(w);
		}
		nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
	}
	umask(022);
}

static void test_errors(void **state)
{
	struct scratch *s = *state;
	struct iso_writer *w;
	struct rlimit before, limit;
	struct diag d = {0};
	char sha256[DIGEST_HEX];
	uint64_t size;

	assert_null(iso_open("X", (int64_t)1 << 40, &d));
	assert_int_equal(d.count, 1);
	diag_clear(&d);
	w = open_ok(0);
	scratch_text(s, "a.iso", "mine");
	assert_int_equal(iso_write(w, s->fd, "a.iso", usual, 4, sha256, &size, &d), -1);
	scratch_expect(&d, "a.iso: File exists");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t at = 4096; at < 75000; at += 10000) {
		limit = before;
		limit.rlim_cur = at;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(
			iso_write(w, s->fd, "b.iso", usual, 4, sha256, &size, &d), -1);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		scratch_expect(&d, "b.iso: File too large");
		assert_int_equal(faccessat(s->fd, "b.iso", F_OK, 0), -1);
	}
	signal(SIGXFSZ, SIG_DFL);
	write_ok(s, w, "b.iso", usual, 4, sha256, &size);
	iso_close(w);
}

static size_t count_entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static size_t resident_kib(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (size_t)u.ru_maxrss;
}

/* A thousand leave behind no thread, no descriptor and no memory. */
static void test_many(void **state)
{
	struct scratch *s = *state;
	struct iso_writer *w = open_ok(0);
	struct diag d = {0};
	char sha256[DIGEST_HEX], name[16];
	uint64_t size;
	size_t descriptors = 0, resident = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (iso_write(w, s->fd, name, usual, 4, sha256, &size, &d) < 0)
			scratch_expect_none(&d);
		if (i == 100) {
			descriptors = count_entries("/proc/self/fd");
			resident = resident_kib();
		}
	}
	assert_int_equal(count_entries("/proc/self/fd"), descriptors);
	assert_int_equal(count_entries("/proc/self/task"), 2 + 1);
#ifdef __SANITIZE_ADDRESS__
	(void)resident; /* it keeps what was freed for a while, and finds leaks itself */
#else
	assert_true(resident_kib() < resident + 4096);
#endif
	iso_close(w);
}

#define WITH_FOLDER(test)                                                                \
	cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_readers),
		WITH_FOLDER(test_holes),
		WITH_FOLDER(test_large),
		WITH_FOLDER(test_same_bytes),
		WITH_FOLDER(test_errors),
		WITH_FOLDER(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
