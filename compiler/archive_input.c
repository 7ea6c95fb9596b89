/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive_input.h"

#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_filters.h"
#include "common/file.h"
#include "common/memory.h"

#define READ_BYTES (256 * 1024)

/* libarchive does not look at gzip's checksum; zlib does. */
static la_ssize_t read_gzip(struct archive *a, void *context, const void **bytes)
{
	struct archive_input *in = context;
	int n = gzread(in->gzip, in->chunk, READ_BYTES), code;
	const char *text;

	*bytes = in->chunk;
	if (n >= 0) {
		text = gzerror(in->gzip, &code);
		if (n > 0 || code == Z_OK || code == Z_STREAM_END)
			return n;
	}
	text = gzerror(in->gzip, &code);
	/* zlib names the file by its descriptor: "<fd:4>: …". */
	if (strncmp(text, "<fd:", 4) == 0 && strstr(text, ">: "))
		text = strstr(text, ">: ") + 3;
	archive_set_error(
		a, EIO, "%s", code == Z_BUF_ERROR ? "the gzip data end too early" : text);
	return -1;
}

static la_ssize_t read_unpacked(struct archive *a, void *context, const void **bytes)
{
	struct archive_input *in = context;

	return in->is_empty ? 0 : archive_filters_read(in->filters, a, bytes);
}

static int is_gzip(int fd)
{
	char magic[2];

	return pread(fd, magic, 2, 0) == 2 && memcmp(magic, "\x1f\x8b", 2) == 0;
}

static int open_gzip(struct archive_input *in, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	in->gzip = copy < 0 ? NULL : gzdopen(copy, "rb");
	if (!in->gzip) {
		archive_set_error(in->filters, errno, "%s", strerror(errno));
		file_close(&copy);
		return ARCHIVE_FATAL;
	}
	gzbuffer(in->gzip, READ_BYTES);
	in->chunk = memory_alloc(READ_BYTES);
	return archive_read_open(in->filters, in, NULL, read_gzip, NULL);
}

static int open_filters(struct archive_input *in, int fd)
{
	int rc;

	*in = (struct archive_input){.filters = archive_filters_new(0), .fd = fd};
	if (!in->filters)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0) {
		archive_set_error(in->filters, errno, "%s", strerror(errno));
		return -1;
	}
	rc = is_gzip(fd) ? open_gzip(in, fd)
			 : archive_read_open_fd(in->filters, fd, READ_BYTES);
	return rc == ARCHIVE_OK ? 0 : -1;
}

static int open_packed(struct archive_input *in)
{
	int rc = archive_filters_start(in->filters);

	if (rc < 0)
		return ARCHIVE_FATAL;
	in->is_empty = rc == 0;
	return archive_read_open(in->members, in, NULL, read_unpacked, NULL);
}

/* The reader can pass over contents that nobody wants, and find a zip file's list. */
static int open_plain(struct archive_input *in, int fd)
{
	archive_read_free(in->filters);
	in->filters = NULL;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
		archive_read_support_format_zip_seekable(in->members) != ARCHIVE_OK)
		return ARCHIVE_FATAL;
	return archive_read_open_fd(in->members, fd, READ_BYTES);
}

int archive_input_open(struct archive_input *in, int fd)
{
	int rc;

	if (open_filters(in, fd) < 0)
		return -1;
	in->members = archive_read_new();
	if (!in->members || archive_read_support_format_tar(in->members) != ARCHIVE_OK)
		return -1;
	if (in->gzip || archive_filter_code(in->filters, 0) != ARCHIVE_FILTER_NONE)
		rc = open_packed(in);
	else
		rc = open_plain(in, fd);
	return rc == ARCHIVE_OK ? 0 : -1;
}

void archive_input_close(struct archive_input *in)
{
	archive_read_free(in->members);
	archive_read_free(in->filters);
	if (in->gzip)
		gzclose_r(in->gzip);
	free(in->chunk);
	*in = (struct archive_input){0};
}

int archive_input_finish(struct archive_input *in)
{
	const void *bytes;
	la_ssize_t n = 0;

	while (in->filters && (n = read_unpacked(in->members, in, &bytes)) > 0)
		;
	return n < 0 ? -1 : 0;
}

la_ssize_t archive_input_peek(int fd, char *bytes, size_t room)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct archive_input in;
	la_ssize_t n = -1;

	if (open_filters(&in, fd) == 0)
		n = archive_filters_start(in.filters);
	if (n > 0)
		n = archive_read_data(in.filters, bytes, room);
	archive_input_close(&in);
	return lseek(fd, at, SEEK_SET) < 0 ? -1 : n;
}

/* Programs may have a zip file behind them. */
static int is_zip(int fd)
{
	char magic[2];

	return pread(fd, magic, 2, 0) == 2 && memcmp(magic, "PK", 2) == 0;
}

int archive_input_has_member(int fd)
{
	struct archive_input in;
	struct archive_entry *e;
	int rc = ARCHIVE_FATAL, format = 0;

	if (archive_input_open(&in, fd) == 0) {
		rc = archive_read_next_header(in.members, &e);
		format = archive_format(in.members) & ARCHIVE_FORMAT_BASE_MASK;
	}
	archive_input_close(&in);
	return (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) &&
	       (format == ARCHIVE_FORMAT_TAR || is_zip(fd));
}

const char *archive_input_error(const struct archive_input *in)
{
	const char *text = in->members ? archive_error_string(in->members) : NULL;

	if (!text && in->filters)
		text = archive_filters_error(in->filters);
	if (text && in->filters)
		text = archive_filters_explain(text, in->fd);
	if (text && strcmp(text, "Unrecognized archive format") == 0)
		return "Unrecognized archive format: expected zip, or tar (plain or "
		       "packed with gzip, bzip2, xz or zstd)";
	if (!text && !in->filters && !in->members)
		return "libarchive lacks a format that is needed";
	return text ? text : "damaged archive";
}
