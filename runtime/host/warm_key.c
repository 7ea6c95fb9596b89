/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "warm_key.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/memory.h"
#include "runtime/unit.h"

/* What a snapshot of another wurun is like, this one need not understand. */
#define LAYOUT 2
#define CPU_LIMIT_BYTES 16384

static void add_stat(struct buffer *b, const struct stat *st)
{
	buffer_printf(b, " %" PRIu64 " %" PRIu64 ".%09ld\n", (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* The manifest's digest is believed as in every run; a file that was changed since has
 * another time. */
static int add_file(struct buffer *b, const struct instance_context *c, const char *path,
	int fd, struct diag *d)
{
	const struct manifest_file *f = manifest_find_file(c->manifest, path);
	struct stat st;

	if (fd < 0 || !f)
		return 0;
	if (fstat(fd, &st) < 0)
		return diag_fail_errno(d, "%s", path);
	buffer_printf(b, "%s %s", path, f->sha256);
	add_stat(b, &st);
	return 0;
}

static int add_program(struct buffer *b, const char *path, struct diag *d)
{
	struct stat st;

	if (!path)
		return 0;
	if (stat(path, &st) < 0)
		return diag_fail_errno(d, "%s", path);
	buffer_add_text(b, path);
	add_stat(b, &st);
	return 0;
}

/* The first processor's lines that say what it can do. */
static void add_processor(struct buffer *b)
{
	static const char *const keys[] = {
		"vendor_id", "cpu family", "model", "stepping", "microcode", "flags"};
	char *bytes = memory_alloc(CPU_LIMIT_BYTES), *rest = bytes;
	int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, CPU_LIMIT_BYTES - 1);

	bytes[n < 0 ? 0 : n] = '\0';
	if (strstr(bytes, "\n\n"))
		*strstr(bytes, "\n\n") = '\0';
	for (char *line = strtok_r(bytes, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest))
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				buffer_printf(b, "%s\n", line);
	if (fd >= 0)
		close(fd);
	free(bytes);
}

static void add_machine(
	struct buffer *b, const struct instance_context *c, enum accelerator a)
{
	const struct manifest *m = c->manifest;
	struct utsname host = {0};

	uname(&host);
	buffer_printf(b, "append %s\ncpus %u\nmemory %" PRIu64 "\nnetwork %s\n",
		m->append, m->cpus, m->memory_bytes, m->network);
	buffer_printf(b, "qemu %s\nsandbox %d\naccelerator %s %s\n", c->program->version,
		c->program->sandbox, qemu_accelerator_name(a),
		a == ACCELERATOR_KVM ? host.release : "");
	add_processor(b);
}

int warm_key(const struct instance_context *c, enum accelerator a, char key[DIGEST_HEX],
	struct diag *d)
{
	struct buffer b = {0};
	int rc = -1;

	buffer_printf(&b, "workunit snapshot %d\n", LAYOUT);
	add_machine(&b, c, a);
	if (add_program(&b, c->program->path, d) == 0 &&
		add_program(&b, c->program->bios, d) == 0 &&
		add_file(&b, c, WU_BASE_FOLDER "/" WU_KERNEL, c->kernel, d) == 0 &&
		add_file(&b, c, WU_BASE_FOLDER "/" WU_INITRD, c->initrd, d) == 0 &&
		add_file(&b, c, WU_BASE_FOLDER "/" WU_ROOT_IMAGE, c->root, d) == 0 &&
		add_file(&b, c, WU_APP_IMAGE, c->app, d) == 0)
		rc = add_file(&b, c, WU_OUTPUT_IMAGE, c->output, d);
	if (rc == 0)
		digest_of_bytes(b.bytes, b.size, key);
	buffer_clear(&b);
	return rc;
}
