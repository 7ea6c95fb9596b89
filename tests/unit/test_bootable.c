/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/digest.h"
#include "compiler/bootable.h"
#include "compiler/grub.h"
#include "compiler/partitions.h"
#include "compiler/stream.h"
#include "runtime/unit.h"

#define KERNEL "no kernel, but its bytes are looked at\n"
#define INITRD "nor an initrd\n"
#define MIB ((uint64_t)1024 * 1024)

static struct base_file files[] = {
	{.name = WU_INITRD, .size_bytes = sizeof(INITRD) - 1},
	{.name = WU_KERNEL, .size_bytes = sizeof(KERNEL) - 1},
	{.name = WU_ROOT_IMAGE, .size_bytes = 3 * MIB},
};

/* What most tests make a disk from. */
struct given {
	struct tree tree;
	struct base base;
	struct bootable bootable;
};

static int setup(void **state)
{
	struct scratch *s;
	struct buffer output = {0};

	scratch_setup(state);
	s = *state;
	scratch_text(s, WU_KERNEL, KERNEL);
	scratch_text(s, WU_INITRD, INITRD);
	digest_of_bytes(INITRD, sizeof(INITRD) - 1, files[0].sha256);
	digest_of_bytes(KERNEL, sizeof(KERNEL) - 1, files[1].sha256);
	scratch_must_run(
		s, &output, "mke2fs", "-q", "-L", WU_ROOT_LABEL, WU_ROOT_IMAGE, "3M");
	buffer_clear(&output);
	return 0;
}

static void give(struct given *g, const struct scratch *s)
{
	struct diag d = {0};

	*g = (struct given){
		.base = {.name = "some",
			.folder = s->path,
			.files = files,
			.file_count = 2},
		.bootable = {.append = "console=ttyS0 quiet",
			.output_size_bytes = 2 * MIB},
	};
	g->bootable.tree = &g->tree;
	g->bootable.base = &g->base;
	tree_init(&g->tree, 0);
	assert_non_null(
		tree_add_text(&g->tree, "app/tool", "#!/bin/sh\n", 10, 0755, NULL, &d));
	tree_finish(&g->tree);
	assert_int_equal(
		stream_files(&g->tree, &(struct stream_options){0}, NULL, &d), 0);
}

static char *list(struct tree *t)
{
	struct buffer b = {0};

	tree_list_text(t, &b);
	return b.bytes;
}

/* Makes it, and checks that the tree stays what it was. */
static void make(
	const struct scratch *s, struct given *g, const char *name, struct whole_disk *w)
{
	char *before = list(&g->tree), *after;
	struct diag d = {0};

	if (bootable_write(s->fd, name, &g->bootable, w, &d) < 0)
		fail_msg("%s", d.lines[0].text);
	after = list(&g->tree);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static void assert_fails(const struct scratch *s, struct given *g, const char *why)
{
	struct whole_disk w;
	struct diag d = {0};

	assert_int_equal(bootable_write(s->fd, "bad.img", &g->bootable, &w, &d), -1);
	assert_int_equal(d.count, 1);
	if (!strstr(d.lines[0].text, why))
		fail_msg("%s", d.lines[0].text);
	assert_int_equal(faccessat(s->fd, "bad.img", F_OK, 0), -1);
	diag_clear(&d);
}

/* As sfdisk sees the table, and e2fsck the file system of a partition. */
static void check_disk(const struct scratch *s, const char *name, size_t count)
{
	CLEANUP(file_close) int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
	struct partitions p;
	struct arena a = {0};
	struct diag d = {0};
	struct buffer output = {0};

	scratch_must_run(s, &output, "sfdisk", "--verify", name);
	assert_non_null(strstr(output.bytes, "No errors detected"));
	buffer_clear(&output);
	assert_int_equal(partitions_read(&p, fd, name, &a, &d), 0);
	assert_string_equal(p.table, "dos");
	assert_int_equal(p.count, count);
	for (size_t i = 0; i < count; i++) {
		char *spec = memory_printf("%s?offset=%" PRIu64, name, p.list[i].offset);

		assert_int_equal(p.list[i].number, i + 1);
		scratch_must_run(s, &output, "e2fsck", "-fn", spec);
		buffer_clear(&output);
		free(spec);
	}
	arena_clear(&a);
}

static void read_bytes(const struct scratch *s, const char *name, uint64_t offset,
	void *bytes, size_t size)
{
	CLEANUP(file_close) int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);

	assert_int_equal(file_read_at(fd, bytes, size, (off_t)offset), size);
}

static void test_disk(void **state)
{
	const struct scratch *s = *state;
	char label[16], signature[2];
	struct buffer output = {0};
	struct whole_disk w;
	struct given g;
	struct stat st;

	give(&g, s);
	g.base.file_count = 3;
	make(s, &g, "disk.img", &w);
	check_disk(s, "disk.img", 3);
	assert_string_equal(w.output_folder, "/");
	assert_int_equal(w.output_bytes, 2 * MIB);
	assert_int_equal(w.output_offset % MIB, 0);
	read_bytes(s, "disk.img", w.output_offset + 1024 + 0x78, label, sizeof(label));
	assert_string_equal(label, WU_OUTPUT_LABEL);
	read_bytes(s, "disk.img", 510, signature, 2);
	assert_memory_equal(signature, "\x55\xaa", 2);
	assert_int_equal(fstatat(s->fd, "disk.img", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_size % (16 * 63 * 512), 0);
	scratch_must_run(s, &output, "debugfs", "-R", "cat /boot/grub/grub.cfg",
		"disk.img?offset=1048576");
	assert_non_null(strstr(output.bytes,
		"\tlinux /boot/kernel 'console=ttyS0' 'quiet' 'wu.off=1'\n"));
	buffer_clear(&output);
	tree_clear(&g.tree);
}

/* Another time, another folder, twice from one tree. */
static void test_same_bytes(void **state)
{
	const struct scratch *s = *state;
	char one[DIGEST_HEX], two[DIGEST_HEX];
	struct diag d = {0};
	struct whole_disk w;
	struct given g;

	give(&g, s);
	make(s, &g, "disk.img", &w);
	assert_int_equal(digest_of_file(s->fd, "disk.img", one, NULL, &d), 0);
	scratch_folder(s, "other");
	make(s, &g, "other/disk.img", &w);
	assert_int_equal(digest_of_file(s->fd, "other/disk.img", two, NULL, &d), 0);
	assert_string_equal(one, two);
	g.bootable.append = "console=ttyS0";
	make(s, &g, "third.img", &w);
	assert_int_equal(digest_of_file(s->fd, "third.img", two, NULL, &d), 0);
	assert_string_not_equal(one, two);
	tree_clear(&g.tree);
}

/* Where partitions began when disks were counted in cylinders. */
static void test_sector_63(void **state)
{
	const struct scratch *s = *state;
	struct whole_disk w;
	struct given g;
	char label[16];

	give(&g, s);
	g.bootable.first_sector = 63;
	g.bootable.output_size_bytes = 16 * MIB;
	make(s, &g, "disk.img", &w);
	check_disk(s, "disk.img", 2);
	read_bytes(s, "disk.img", 63 * 512 + 1024 + 0x78, label, sizeof(label));
	assert_string_equal(label, WU_APP_LABEL);
	g.bootable.first_sector = 32;
	assert_fails(s, &g, "bad.img: GRUB takes the first ");
	tree_clear(&g.tree);
}

static void test_refusals(void **state)
{
	const struct scratch *s = *state;
	struct diag d = {0};
	struct given g;

	give(&g, s);
	g.bootable.app_size_bytes = 256 * 1024;
	assert_fails(s, &g, "bad.img: needs ");
	g.bootable.app_size_bytes = 0;
	g.bootable.append = "quiet dyndbg=\"file a\"";
	assert_fails(s, &g, "the kernel's command line: GRUB cannot pass on");
	g.bootable.append = "quiet";
	scratch_text(s, WU_KERNEL, "another\n");
	assert_fails(s, &g, "kernel: is not what it was when it was made");
	g.base.file_count = 1;
	assert_fails(s, &g, "base some: has no kernel to boot");
	assert_non_null(tree_add(&g.tree, "boot", NODE_FOLDER, 0755, NULL, &d));
	assert_fails(s, &g, "\"boot\" is the boot loader's");
	tree_clear(&g.tree);
}

/* A disk that fills up at any place. */
static void test_no_room(void **state)
{
	const struct scratch *s = *state;
	struct rlimit limit, old;
	struct whole_disk w;
	struct given g;
	struct stat st;

	give(&g, s);
	g.base.file_count = 3;
	make(s, &g, "disk.img", &w);
	assert_int_equal(fstatat(s->fd, "disk.img", &st, 0), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	/* What GRUB's child writes must fit: it is told otherwise. */
	for (rlim_t size = 64 * 1024; size < (rlim_t)st.st_size; size += 640 * 1024) {
		limit.rlim_cur = size;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_fails(s, &g, "File too large");
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	tree_clear(&g.tree);
}

static void test_absent_grub(void **state)
{
	const struct scratch *s = *state;
	struct diag d = {0};
	struct grub g;

	assert_int_equal(grub_open(&g, s->path, &d), -1);
	grub_close(&g);
	assert_int_equal(d.count, 1);
	assert_non_null(strstr(d.lines[0].text,
		"/boot.img: No such file or directory: a disk that boots by itself needs "
		"GRUB's images: install them (Debian: apt install grub-common "
		"grub-pc-bin)"));
	diag_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_disk, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_same_bytes, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_sector_63, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			test_absent_grub, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
