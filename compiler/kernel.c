/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "package.h"

#define IMAGE_LIMIT_BYTES (256U * 1024 * 1024)
#define SIGNATURE_HEADER_BYTES 12
#define MODULE_LIMIT_BYTES (64U * 1024 * 1024)

struct reading {
	struct kernel *kernel;
	int out;
	const char *name;  /* the image's file in out */
	const char *label; /* the package */
	int images;	   /* found so far */
	struct diag *diag;
};

static int keep_image(struct reading *r, struct package_reader *reader)
{
	CLEANUP(buffer_clear) struct buffer bytes = {0};
	CLEANUP(file_close) int fd = -1;

	if (r->images++ > 0)
		return diag_fail(r->diag, "%s: holds more than one kernel", r->label);
	if (package_read(reader, IMAGE_LIMIT_BYTES, &bytes, r->diag) < 0)
		return -1;
	fd = openat(r->out, r->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || file_write(fd, bytes.bytes, bytes.size) < 0 ||
		fchmod(fd, 0444) < 0 || fsync(fd) < 0)
		return diag_fail_errno(r->diag, "%s", r->name);
	return 0;
}

/* Newer releases compress each module; the initrd is better off without: its guest is
 * slow, and whoever boots it has the memory. */
static int decompress(const struct buffer *packed, struct buffer *bytes)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	char chunk[65536];
	la_ssize_t n = -1;

	if (a && archive_read_support_format_raw(a) == ARCHIVE_OK &&
		archive_read_support_filter_xz(a) == ARCHIVE_OK &&
		archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
		archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
		archive_read_open_memory(a, packed->bytes, packed->size) == ARCHIVE_OK &&
		archive_read_next_header(a, &e) == ARCHIVE_OK) {
		while ((n = archive_read_data(a, chunk, sizeof(chunk))) > 0) {
			buffer_add(bytes, chunk, (size_t)n);
			if (bytes->size > MODULE_LIMIT_BYTES) {
				n = -1;
				break;
			}
		}
	}
	archive_read_free(a);
	return n == 0 && bytes->size > 0 ? 0 : -1;
}

/* A module's signature ends it: the signature, its size as the last four bytes of a
 * header of twelve, and a fixed text. This kernel asks for none, but takes a twentieth of
 * a small guest's boot to verify those that it finds; the package's digest has been
 * verified here. Returns the size without it. */
static size_t size_unsigned(const struct buffer *bytes)
{
	static const char mark[] = "~Module signature appended~\n";
	size_t end = sizeof(mark) - 1 + SIGNATURE_HEADER_BYTES;
	const unsigned char *size;
	uint32_t signature;

	if (bytes->size < end || memcmp(bytes->bytes + bytes->size - (sizeof(mark) - 1),
					 mark, sizeof(mark) - 1) != 0)
		return bytes->size;
	size = (const unsigned char *)bytes->bytes + bytes->size - (sizeof(mark) - 1) - 4;
	signature = (uint32_t)size[0] << 24 | size[1] << 16 | size[2] << 8 | size[3];
	return signature > bytes->size - end ? bytes->size
					     : bytes->size - end - signature;
}

static int spool_module(struct reading *r, const char *path, const struct buffer *bytes)
{
	struct kernel *k = r->kernel;
	struct module *m =
		modules_add(&k->modules, path, bytes->bytes, bytes->size, r->diag);

	if (!m)
		return -1;
	m->offset = k->spool_size;
	m->size = size_unsigned(bytes);
	if (file_write_at(k->spool, bytes->bytes, m->size, (off_t)m->offset) < 0)
		return diag_fail_errno(r->diag, "the modules of %s", r->label);
	k->spool_size += m->size;
	return 0;
}

static int keep_module(struct reading *r, const char *path, struct package_reader *reader)
{
	CLEANUP(buffer_clear) struct buffer raw = {0};
	CLEANUP(buffer_clear) struct buffer plain = {0};
	size_t length = strlen(path);

	if (package_read(reader, MODULE_LIMIT_BYTES, &raw, r->diag) < 0)
		return -1;
	if (length > 3 && strcmp(path + length - 3, ".ko") == 0)
		return spool_module(r, path, &raw);
	if (decompress(&raw, &plain) < 0)
		return diag_fail(r->diag, "%s: %s cannot be unpacked", r->label, path);
	return spool_module(r, path, &plain);
}

static int keep_builtin(struct reading *r, struct package_reader *reader)
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	if (package_read(reader, MODULE_LIMIT_BYTES, &text, r->diag) < 0)
		return -1;
	modules_add_builtin(&r->kernel->modules, text.bytes, text.size);
	return 0;
}

static int visit(const struct member *m, struct package_reader *reader, void *context)
{
	struct reading *r = context;
	const char *path = m->path;

	if (m->type != MEMBER_FILE)
		return 0;
	if (strncmp(path, "usr/", 4) == 0)
		path += 4;
	if (fnmatch("boot/vmlinuz-*", path, FNM_PATHNAME) == 0)
		return keep_image(r, reader);
	if (fnmatch("lib/modules/*/modules.builtin", path, FNM_PATHNAME) == 0)
		return keep_builtin(r, reader);
	if (fnmatch("lib/modules/*.ko", path, 0) == 0 ||
		fnmatch("lib/modules/*.ko.[xgz]*", path, 0) == 0)
		return keep_module(r, path, reader);
	return 0;
}

static int open_spool(int dirfd)
{
	int fd = openat(dirfd, "modules",
		O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && unlinkat(dirfd, "modules", 0) < 0)
		file_close(&fd);
	return fd;
}

int kernel_read(struct kernel *k, int dirfd, const char *path, const char *label, int out,
	const char *name, struct diag *d)
{
	struct reading r = {
		.kernel = k, .out = out, .name = name, .label = label, .diag = d};

	*k = (struct kernel){.spool = open_spool(out)};
	if (k->spool < 0)
		return diag_fail_errno(d, "the modules of %s", label);
	if (package_walk(dirfd, path, label, visit, &r, d) != 0)
		return -1;
	if (r.images == 0)
		return diag_fail(d, "%s: holds no kernel (boot/vmlinuz-…)", label);
	modules_finish(&k->modules);
	return 0;
}

void kernel_clear(struct kernel *k)
{
	modules_clear(&k->modules);
	file_close(&k->spool);
}

const void *kernel_load_module(
	const struct kernel *k, const struct module *m, struct arena *a, struct diag *d)
{
	char *bytes = arena_alloc(a, m->size + 1);
	ssize_t n = file_read_at(k->spool, bytes, m->size, (off_t)m->offset);

	if (n >= 0 && (uint64_t)n == m->size)
		return bytes;
	if (n >= 0)
		errno = ENODATA;
	diag_fail_errno(d, "module %s", m->name);
	return NULL;
}
