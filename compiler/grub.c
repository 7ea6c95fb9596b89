/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "process.h"

#define MKIMAGE "/usr/bin/grub-mkimage"
#define PREFIX "(,msdos1)/boot/grub" /* of the disk that it was started from */
#define SECTOR 512
#define IMAGE_LIMIT_BYTES (4 * 1024 * 1024)

/* In the boot sector: code, then the disk's id and table. */
#define BOOT_CODE_BYTES 440
#define CORE_SECTOR_AT 0x5c /* 8 bytes: where the core image begins */
#define DRIVE_CHECK_AT 0x66
/* In the core image's first sector: where the rest of it begins. */
#define REST_SECTOR_AT (SECTOR - 12)

static const char *const in_core[] = {"biosdisk", "part_msdos", "ext2"};
static const char *const on_disk[] = {"normal", "linux", "serial"};

static int fail_absent(const char *path, struct diag *d)
{
	return diag_fail(d,
		"%s: %s: a disk that boots by itself needs GRUB's images: install them "
		"(Debian: apt install grub-common grub-pc-bin)",
		path, strerror(errno));
}

static char *read_image(struct grub *g, const char *name, size_t *size, struct diag *d)
{
	const char *path = arena_printf(&g->arena, "%s/%s", g->folder, name);
	char *bytes, *kept;

	if (access(path, R_OK) < 0) {
		fail_absent(path, d);
		return NULL;
	}
	bytes = file_read(AT_FDCWD, path, IMAGE_LIMIT_BYTES, size, d);
	if (!bytes)
		return NULL;
	kept = arena_memdup(&g->arena, bytes, *size);
	free(bytes);
	return kept;
}

static int is_number(const char *bytes, uint64_t number)
{
	for (size_t i = 0; i < sizeof(number); i++, number >>= 8)
		if ((unsigned char)bytes[i] != (number & 0xff))
			return 0;
	return 1;
}

/* As it is installed on hard disks: firmware that gives a wrong drive is put right. */
static int read_boot_sector(struct grub *g, struct diag *d)
{
	static const char check[] = {(char)0xeb, 0x05},
			  no_operation[] = {(char)0x90, (char)0x90};
	size_t size;
	char *s = read_image(g, "boot.img", &size, d);

	if (!s)
		return -1;
	if (size != SECTOR || !is_number(s + CORE_SECTOR_AT, 1) ||
		memcmp(s + DRIVE_CHECK_AT, check, sizeof(check)))
		return diag_fail(
			d, "%s/boot.img: is not GRUB 2's boot sector", g->folder);
	memcpy(s + DRIVE_CHECK_AT, no_operation, sizeof(no_operation));
	g->boot_sector = s;
	return 0;
}

static int run_mkimage(struct grub *g, struct buffer *messages, struct diag *d)
{
	const char *argv[16] = {MKIMAGE, "--format=i386-pc", "--prefix=" PREFIX,
		arena_printf(&g->arena, "--directory=%s", g->folder)};
	CLEANUP(file_close)
	int folder = open(g->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count = 4;
	int status;

	for (size_t i = 0; i < sizeof(in_core) / sizeof(*in_core); i++)
		argv[count++] = in_core[i];
	if (access(MKIMAGE, X_OK) < 0)
		return fail_absent(MKIMAGE, d);
	if (folder < 0)
		return diag_fail_errno(d, "%s", g->folder);
	status = process_run(argv, folder, &g->core, messages, d);
	if (status > 0)
		diag_fail(d, "%s: exit status %d: %.*s", MKIMAGE, status,
			messages->size ? (int)strcspn(messages->bytes, "\n") : 0,
			messages->size ? messages->bytes : "");
	return status ? -1 : 0;
}

static int make_core(struct grub *g, struct diag *d)
{
	static const char zeros[SECTOR];
	struct buffer messages = {0};
	int rc = run_mkimage(g, &messages, d);

	buffer_clear(&messages);
	if (rc < 0)
		return -1;
	/* It comes ready to lie behind the boot sector, in one piece. */
	if (g->core.size < SECTOR ||
		memcmp(g->core.bytes + REST_SECTOR_AT, "\2\0\0\0\0\0\0", 8))
		return diag_fail(d, "%s: made no core image of GRUB 2", MKIMAGE);
	if (g->core.size % SECTOR)
		buffer_add(&g->core, zeros, SECTOR - g->core.size % SECTOR);
	return 0;
}

static struct grub_module *find_module(
	const struct grub *g, const char *name, size_t size)
{
	for (size_t i = 0; i < g->module_count; i++)
		if (strlen(g->modules[i].name) == size &&
			!memcmp(g->modules[i].name, name, size))
			return &g->modules[i];
	return NULL;
}

static struct grub_module *add_module(struct grub *g, const char *name, size_t size)
{
	struct grub_module *m = find_module(g, name, size);
	size_t old_size = g->module_count * sizeof(*m);

	if (m)
		return m;
	m = arena_alloc(&g->arena, old_size + sizeof(*m));
	if (old_size)
		memcpy(m, g->modules, old_size);
	g->modules = m;
	m += g->module_count++;
	m->name = arena_memdup(&g->arena, name, size);
	return m;
}

/* "ext2: fshelp\n…": what the list says of a module, up to its line's end; or NULL. */
static const char *find_needed(const char *list, const char *name)
{
	size_t size = strlen(name);

	for (; list; list = strchr(list, '\n')) {
		list += *list == '\n';
		if (!strncmp(list, name, size) && list[size] == ':')
			return list + size + 1;
	}
	return NULL;
}

/* Adds what the modules from the first on need, and what these need. */
static int add_needed(struct grub *g, size_t first, const char *list, struct diag *d)
{
	for (size_t i = first; i < g->module_count; i++) {
		const char *at = find_needed(list, g->modules[i].name);

		if (!at)
			return diag_fail(d, "%s/moddep.lst: does not name the module %s",
				g->folder, g->modules[i].name);
		while (*(at += strspn(at, " ")) && *at != '\n') {
			size_t size = strcspn(at, " \n");

			add_module(g, at, size);
			at += size;
		}
	}
	return 0;
}

static int load_module(struct grub *g, struct grub_module *m, struct diag *d)
{
	const char *name = arena_printf(&g->arena, "%s.mod", m->name);

	m->bytes = read_image(g, name, &m->size, d);
	return m->bytes ? 0 : -1;
}

static int read_modules(struct grub *g, struct diag *d)
{
	size_t size, core_count;
	const char *list = read_image(g, "moddep.lst", &size, d);

	if (!list)
		return -1;
	for (size_t i = 0; i < sizeof(in_core) / sizeof(*in_core); i++)
		add_module(g, in_core[i], strlen(in_core[i]));
	if (add_needed(g, 0, list, d) < 0)
		return -1;
	core_count = g->module_count;
	for (size_t i = 0; i < sizeof(on_disk) / sizeof(*on_disk); i++)
		add_module(g, on_disk[i], strlen(on_disk[i]));
	if (add_needed(g, core_count, list, d) < 0)
		return -1;
	for (size_t i = core_count; i < g->module_count; i++)
		if (load_module(g, &g->modules[i], d) < 0)
			return -1;
	return 0;
}

static void set_digest(struct grub *g)
{
	struct digest *all = digest_new();
	char hex[DIGEST_HEX];

	digest_add(all, g->boot_sector, SECTOR);
	digest_add(all, g->core.bytes, g->core.size);
	for (size_t i = 0; i < g->module_count; i++) {
		const struct grub_module *m = &g->modules[i];

		if (!m->bytes)
			continue;
		digest_of_bytes(m->bytes, m->size, hex);
		digest_add(all, m->name, strlen(m->name) + 1);
		digest_add(all, hex, sizeof(hex));
	}
	digest_finish(all, g->digest);
}

int grub_open(struct grub *g, const char *folder, struct diag *d)
{
	*g = (struct grub){.folder = folder};
	if (read_boot_sector(g, d) < 0 || read_modules(g, d) < 0 || make_core(g, d) < 0)
		return -1;
	set_digest(g);
	return 0;
}

void grub_close(struct grub *g)
{
	buffer_clear(&g->core);
	arena_clear(&g->arena);
}

/* GRUB would pass these on with a backslash before them. */
static int check_append(const char *append, struct diag *d)
{
	for (const char *c = append; *c; c++)
		if (strchr("'\"\\", *c) || (unsigned char)*c < ' ' || *c == 0x7f)
			return diag_fail(d,
				"the kernel's command line: GRUB cannot pass on what is in "
				"it: %s",
				append);
	return 0;
}

int grub_render_config(struct buffer *b, const char *append, struct diag *d)
{
	if (check_append(append, d) < 0)
		return -1;
	buffer_add_text(b, "insmod serial\n"
			   "if serial --unit=0 --speed=115200; then\n"
			   "\tterminal_input console serial\n"
			   "\tterminal_output console serial\n"
			   "fi\n"
			   "set timeout=0\n"
			   "menuentry workunit {\n"
			   "\tinsmod linux\n"
			   "\tlinux /boot/kernel");
	while (*(append += strspn(append, " "))) {
		size_t size = strcspn(append, " ");

		buffer_printf(b, " '%.*s'", (int)size, append);
		append += size;
	}
	buffer_add_text(b, "\n\tinitrd /boot/initrd\n}\n");
	return 0;
}

int grub_place(
	const struct grub *g, struct tree *t, const struct buffer *config, struct diag *d)
{
	for (size_t i = 0; i < g->module_count; i++) {
		const struct grub_module *m = &g->modules[i];
		const char *path =
			arena_printf(&t->arena, "boot/grub/i386-pc/%s.mod", m->name);

		if (m->bytes && !tree_add_text(t, path, m->bytes, m->size, 0644, NULL, d))
			return -1;
	}
	return tree_add_text(t, "boot/grub/grub.cfg", config->bytes, config->size, 0644,
		       NULL, d)
		       ? 0
		       : -1;
}

int grub_write(const struct grub *g, int fd, const char *name, uint64_t first_sector,
	struct diag *d)
{
	if (g->core.size / SECTOR >= first_sector)
		return diag_fail(d,
			"%s: GRUB takes the first %zu sectors, but the first partition "
			"begins at sector %llu",
			name, g->core.size / SECTOR + 1,
			(unsigned long long)first_sector);
	if (file_write_at(fd, g->boot_sector, BOOT_CODE_BYTES, 0) < 0 ||
		file_write_at(fd, g->core.bytes, g->core.size, SECTOR) < 0)
		return diag_fail_errno(d, "%s", name);
	return 0;
}
