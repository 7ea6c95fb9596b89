/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/modules.h"

struct elf_header {
	Elf64_Ehdr file;
	Elf64_Shdr sections[3]; /* none, .modinfo, the names */
};

/* The smallest ELF file with these bytes as .modinfo. */
static void make_elf(struct buffer *b, const char *modinfo, size_t size)
{
	static const char names[] = "\0.modinfo\0.shstrtab";
	struct elf_header h = {0};
	size_t start = sizeof(h);

	memcpy(h.file.e_ident, ELFMAG, SELFMAG);
	h.file.e_ident[EI_CLASS] = ELFCLASS64;
	h.file.e_ident[EI_DATA] = ELFDATA2LSB;
	h.file.e_ident[EI_VERSION] = EV_CURRENT;
	h.file.e_type = ET_REL;
	h.file.e_machine = EM_X86_64;
	h.file.e_version = EV_CURRENT;
	h.file.e_ehsize = sizeof(h.file);
	h.file.e_shoff = offsetof(struct elf_header, sections);
	h.file.e_shentsize = sizeof(h.sections[0]);
	h.file.e_shnum = 3;
	h.file.e_shstrndx = 2;
	h.sections[1] = (Elf64_Shdr){.sh_name = 1,
		.sh_type = SHT_PROGBITS,
		.sh_offset = start,
		.sh_size = size,
		.sh_addralign = 1};
	h.sections[2] = (Elf64_Shdr){.sh_name = 10,
		.sh_type = SHT_STRTAB,
		.sh_offset = start + size,
		.sh_size = sizeof(names),
		.sh_addralign = 1};
	buffer_add(b, &h, sizeof(h));
	buffer_add(b, modinfo, size);
	buffer_add(b, names, sizeof(names));
}

#define ADD(m, path, modinfo) add(m, path, modinfo, sizeof(modinfo))

static void add(struct modules *m, const char *path, const char *modinfo, size_t size)
{
	struct buffer b = {0};
	struct diag d = {0};

	make_elf(&b, modinfo, size);
	assert_non_null(modules_add(m, path, b.bytes, b.size, &d));
	assert_int_equal(d.count, 0);
	buffer_clear(&b);
}

/* Orders the names in `wanted`, separated by spaces, and compares. */
static void assert_order(struct modules *m, const char *wanted, const char *expected)
{
	char *copy = strdup(wanted);
	const char *names[8];
	size_t count = 0, placed;
	const struct module **order;
	struct buffer got = {0};
	struct diag d = {0};

	for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
		names[count++] = p;
	assert_int_equal(modules_order(m, names, count, &order, &placed, &d), 0);
	for (size_t i = 0; i < placed; i++)
		buffer_printf(&got, "%s%s", i ? " " : "", order[i]->name);
	assert_string_equal(got.bytes ? got.bytes : "", expected);
	buffer_clear(&got);
	free(copy);
}

static void assert_no_order(struct modules *m, const char *name, const char *message)
{
	const struct module **order;
	struct diag d = {0};
	size_t count;

	assert_int_equal(modules_order(m, &name, 1, &order, &count, &d), -1);
	assert_int_equal(d.count, 1);
	assert_string_equal(d.lines[0].text, message);
	diag_clear(&d);
}

static void dependencies_come_first(void **state)
{
	struct modules m = {0};

	(void)state;
	ADD(&m, "lib/modules/6/kernel/a/virtio_pci.ko",
		"license=GPL\0depends=virtio_ring,virtio\0name=virtio_pci");
	ADD(&m, "lib/modules/6/kernel/b/virtio_ring.ko", "depends=virtio");
	ADD(&m, "lib/modules/6/kernel/c/virtio.ko", "depends=\0name=virtio");
	ADD(&m, "lib/modules/6/kernel/c/unused.ko", "depends=virtio");
	modules_finish(&m);
	assert_order(&m, "virtio_pci", "virtio virtio_ring virtio_pci");
	assert_order(&m, "virtio virtio_pci virtio", "virtio virtio_ring virtio_pci");
	assert_order(&m, "", "");
	modules_clear(&m);
}

static void names_count_dashes_as_underscores(void **state)
{
	struct modules m = {0};

	(void)state;
	ADD(&m, "k/virtio-rng.ko", "depends=rng-core");
	ADD(&m, "k/rng_core.ko.xz", "depends=");
	modules_finish(&m);
	assert_order(&m, "virtio_rng", "rng_core virtio_rng");
	assert_order(&m, "virtio-rng", "rng_core virtio_rng");
	modules_clear(&m);
}

static void soft_dependencies_surround(void **state)
{
	struct modules m = {0};

	(void)state;
	ADD(&m, "btrfs.ko",
		"softdep=pre: crc32c nowhere\0softdep=pre: xor post: "
		"after\0depends=raid");
	ADD(&m, "crc32c.ko", "");
	ADD(&m, "xor.ko", "");
	ADD(&m, "raid.ko", "");
	ADD(&m, "after.ko", "depends=btrfs");
	modules_finish(&m);
	assert_order(&m, "btrfs", "crc32c xor raid btrfs after");
	modules_clear(&m);
}

static void circles(void **state)
{
	struct modules m = {0};

	(void)state;
	ADD(&m, "soft.ko", "softdep=pre: hard");
	ADD(&m, "hard.ko", "depends=soft");
	ADD(&m, "one.ko", "depends=two");
	ADD(&m, "two.ko", "depends=one");
	ADD(&m, "lame.ko", "softdep=pre: broken");
	ADD(&m, "broken.ko", "depends=missing");
	modules_finish(&m);
	assert_order(&m, "soft", "soft");
	assert_order(&m, "soft hard", "soft hard");
	assert_order(&m, "lame", "lame");
	assert_no_order(&m, "one", "the module one depends on itself");
	assert_no_order(&m, "broken", "the kernel has no module missing");
	modules_clear(&m);
}

static void what_is_built_in_is_left_out(void **state)
{
	static const char builtin[] =
		"kernel/fs/ext4/ext4.ko\nkernel/drivers/char/hw_random/rng-core.ko\n";
	struct modules m = {0};

	(void)state;
	ADD(&m, "virtio-rng.ko", "depends=rng-core");
	modules_add_builtin(&m, builtin, sizeof(builtin) - 1);
	modules_finish(&m);
	assert_order(&m, "ext4 virtio_rng", "virtio_rng");
	assert_no_order(&m, "xfs", "the kernel has no module xfs");
	modules_clear(&m);
}

/* Every prefix, and every byte of the headers turned over: an answer each, no crash. */
static void survives_damaged_files(void **state)
{
	static const char modinfo[] = "depends=a,b\0softdep=pre: c";
	struct buffer b = {0};

	(void)state;
	make_elf(&b, modinfo, sizeof(modinfo) - 1); /* not ended by a NUL */
	for (size_t i = 0; i < b.size + sizeof(struct elf_header); i++) {
		int cut = i < b.size;
		size_t size = cut ? i : b.size;
		char *copy = malloc(size ? size : 1);
		struct modules m = {0};
		struct diag d = {0};
		struct module *added;

		memcpy(copy, b.bytes, size);
		if (!cut)
			copy[i - b.size] ^= (char)0xff;
		added = modules_add(&m, "x.ko", copy, size, &d);
		assert_int_equal(d.count, added ? 0 : 1);
		diag_clear(&d);
		modules_clear(&m);
		free(copy);
	}
	buffer_clear(&b);
}

static void reads_an_entry_without_its_end(void **state)
{
	struct modules m = {0};

	(void)state;
	add(&m, "x.ko", "depends=y", 9);
	ADD(&m, "y.ko", "");
	modules_finish(&m);
	assert_order(&m, "x", "y x");
	modules_clear(&m);
}

static void aliases_of_devices_are_kept(void **state)
{
	struct modules m = {0};
	const struct module *found;

	(void)state;
	ADD(&m, "k/sd-mod.ko",
		"alias=scsi:t-0x00*\0alias=block-major-8-*\0alias=devname:x\0"
		"alias=fs-isofs\0alias=/a:b\0alias=#a:b\0alias=a b:c\0alias=a:\n\0"
		"alias=:x\0alias=\0alias=pci:v00008086d*\0depends=");
	modules_finish(&m);
	found = modules_find(&m, "sd_mod");
	assert_non_null(found);
	assert_ptr_equal(found, modules_find(&m, "sd-mod"));
	assert_int_equal(found->aliases.count, 2);
	assert_string_equal(found->aliases.list[0], "scsi:t-0x00*");
	assert_string_equal(found->aliases.list[1], "pci:v00008086d*");
	assert_null(modules_find(&m, "sd"));
	modules_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dependencies_come_first),
		cmocka_unit_test(names_count_dashes_as_underscores),
		cmocka_unit_test(soft_dependencies_surround),
		cmocka_unit_test(circles),
		cmocka_unit_test(what_is_built_in_is_left_out),
		cmocka_unit_test(aliases_of_devices_are_kept),
		cmocka_unit_test(survives_damaged_files),
		cmocka_unit_test(reads_an_entry_without_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
