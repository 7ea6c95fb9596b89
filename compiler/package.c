/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "package.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

#define BLOCK_BYTES (128 * 1024)
#define CONTROL_LIMIT_BYTES (1024 * 1024)

struct package_reader {
	struct archive *outer; /* ar */
	struct archive *inner; /* data.tar, or control.tar */
	const char *name;
	struct diag *diag;
	char block[BLOCK_BYTES];
};

static int fail(const struct package_reader *r, struct archive *a)
{
	const char *why = archive_error_string(a);

	return diag_fail(r->diag, "%s: not a Debian package that can be read: %s",
		r->name, why ? why : "out of memory");
}

/* libarchive's read callback: the inner archive's bytes are the outer one's member. */
static la_ssize_t read_outer(struct archive *inner, void *context, const void **block)
{
	struct package_reader *r = context;
	la_ssize_t n = archive_read_data(r->outer, r->block, sizeof(r->block));

	*block = r->block;
	if (n < 0)
		archive_set_error(inner, archive_errno(r->outer), "%s",
			archive_error_string(r->outer) ? archive_error_string(r->outer)
						       : "damaged");
	return n < 0 ? ARCHIVE_FATAL : n;
}

/* Only what Debian uses, and nothing that libarchive would run a program for. */
static int open_inner(struct package_reader *r)
{
	r->inner = archive_read_new();
	if (!r->inner || archive_read_support_filter_xz(r->inner) != ARCHIVE_OK ||
		archive_read_support_filter_zstd(r->inner) != ARCHIVE_OK ||
		archive_read_support_filter_gzip(r->inner) != ARCHIVE_OK ||
		archive_read_support_format_tar(r->inner) != ARCHIVE_OK ||
		archive_read_open(r->inner, r, NULL, read_outer, NULL) != ARCHIVE_OK)
		return fail(r, r->inner);
	return 0;
}

static int open_outer(struct package_reader *r, int fd, const char *part)
{
	struct archive_entry *e;
	int rc;

	r->outer = archive_read_new();
	if (!r->outer || archive_read_support_format_ar(r->outer) != ARCHIVE_OK ||
		archive_read_open_fd(r->outer, fd, BLOCK_BYTES) != ARCHIVE_OK)
		return fail(r, r->outer);
	while ((rc = archive_read_next_header(r->outer, &e)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(e);

		if (name && strncmp(name, part, strlen(part)) == 0)
			return open_inner(r);
	}
	if (rc != ARCHIVE_EOF)
		return fail(r, r->outer);
	return diag_fail(
		r->diag, "%s: not a Debian package: it has no %s", r->name, part);
}

/* "./usr//bin/" -> "usr/bin"; NULL where a part is "..", or nothing is left. */
static const char *clean_path(const char *raw, char clean[PATH_MAX])
{
	size_t used = 0;

	if (!raw || strlen(raw) >= PATH_MAX)
		return NULL;
	for (const char *p = raw; *p;) {
		size_t length = strcspn(p, "/");

		if (length == 2 && strncmp(p, "..", 2) == 0)
			return NULL;
		if (length > 0 && !(length == 1 && *p == '.')) {
			if (used > 0)
				clean[used++] = '/';
			memcpy(clean + used, p, length);
			used += length;
		}
		p += length + (p[length] == '/');
	}
	clean[used] = '\0';
	return used > 0 ? clean : NULL;
}

/* Fills m; returns 0 for a member that nobody is shown. */
static int describe(struct archive_entry *e, struct member *m, char path[PATH_MAX],
	char target[PATH_MAX])
{
	*m = (struct member){.path = clean_path(archive_entry_pathname(e), path)};
	m->mode = archive_entry_perm(e) & 07777;
	if (!m->path)
		return 0;
	if (archive_entry_hardlink(e)) {
		m->type = MEMBER_HARDLINK;
		m->target = clean_path(archive_entry_hardlink(e), target);
		return m->target != NULL;
	}
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		m->type = MEMBER_FILE;
		m->size = (uint64_t)archive_entry_size(e);
		return 1;
	case AE_IFDIR:
		m->type = MEMBER_FOLDER;
		return 1;
	case AE_IFLNK:
		m->type = MEMBER_SYMLINK;
		m->target = archive_entry_symlink(e);
		return m->target != NULL;
	}
	return 0;
}

static int walk(struct package_reader *r,
	int (*visit)(const struct member *m, struct package_reader *r, void *context),
	void *context)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct archive_entry *e;
	struct member m;
	int rc;

	while ((rc = archive_read_next_header(r->inner, &e)) == ARCHIVE_OK) {
		int stop = describe(e, &m, path, target) ? visit(&m, r, context) : 0;

		if (stop)
			return stop;
	}
	return rc == ARCHIVE_EOF ? 0 : fail(r, r->inner);
}

static int walk_part(int dirfd, const char *path, const char *name, const char *part,
	int (*visit)(const struct member *m, struct package_reader *r, void *context),
	void *context, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct package_reader *r;
	int rc;

	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	r = memory_alloc(sizeof(*r));
	r->name = name;
	r->diag = d;
	rc = open_outer(r, fd, part) < 0 ? -1 : walk(r, visit, context);
	archive_read_free(r->inner);
	archive_read_free(r->outer);
	free(r);
	return rc;
}

int package_walk(int dirfd, const char *path, const char *name,
	int (*visit)(const struct member *m, struct package_reader *r, void *context),
	void *context, struct diag *d)
{
	return walk_part(dirfd, path, name, "data.tar", visit, context, d);
}

static int read_control(const struct member *m, struct package_reader *r, void *context)
{
	if (strcmp(m->path, "control") != 0 || m->type != MEMBER_FILE)
		return 0;
	return package_read(r, CONTROL_LIMIT_BYTES, context, r->diag) < 0 ? -1 : 1;
}

int package_read_control(
	int dirfd, const char *path, const char *name, struct buffer *b, struct diag *d)
{
	int rc = walk_part(dirfd, path, name, "control.tar", read_control, b, d);

	if (rc == 0)
		return diag_fail(
			d, "%s: not a Debian package: it has no control file", name);
	return rc < 0 ? -1 : 0;
}

int package_read(
	struct package_reader *r, size_t limit_bytes, struct buffer *b, struct diag *d)
{
	char chunk[65536];
	size_t total = 0;
	la_ssize_t n;

	buffer_add(b, "", 0);
	while ((n = archive_read_data(r->inner, chunk, sizeof(chunk))) > 0) {
		total += (size_t)n;
		if (total > limit_bytes)
			return diag_fail(d, "%s: a member is larger than %zu bytes",
				r->name, limit_bytes);
		buffer_add(b, chunk, (size_t)n);
	}
	return n < 0 ? fail(r, r->inner) : 0;
}
