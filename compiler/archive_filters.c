/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive_filters.h"

#include <archive_entry.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/file.h"
#include "common/memory.h"

#define XZ_FOOTER_BYTES 12 /* as many as a header has */
#define XZ_TAIL_BYTES (64 * 1024)

static const char xz_cut[] = "the xz data end too early";

struct archive *archive_filters_new(int gzip)
{
	struct archive *a = archive_read_new();

	if (a && archive_read_support_format_raw(a) == ARCHIVE_OK &&
		archive_read_support_format_empty(a) == ARCHIVE_OK &&
		archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
		archive_read_support_filter_xz(a) == ARCHIVE_OK &&
		archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
		(!gzip || archive_read_support_filter_gzip(a) == ARCHIVE_OK))
		return a;
	archive_read_free(a);
	return NULL;
}

int archive_filters_start(struct archive *filters)
{
	struct archive_entry *e;
	int rc = archive_read_next_header(filters, &e);

	if (rc == ARCHIVE_OK)
		return 1;
	return rc == ARCHIVE_EOF ? 0 : -1;
}

la_ssize_t archive_filters_read(
	struct archive *filters, struct archive *to, const void **bytes)
{
	const char *text;
	la_int64_t offset;
	size_t size = 0;
	int rc;

	do {
		rc = archive_read_data_block(filters, bytes, &size, &offset);
	} while (rc == ARCHIVE_OK && size == 0);
	if (rc == ARCHIVE_OK)
		return (la_ssize_t)size;
	if (rc == ARCHIVE_EOF)
		return 0;
	text = archive_filters_error(filters);
	if (to)
		archive_set_error(to, EIO, "%s", text ? text : "damaged archive");
	return -1;
}

/* Each library has its own words for data that are cut off, or go on. */
const char *archive_filters_error(struct archive *filters)
{
	static const struct {
		const char *found, *said;
	} words[] = {
		{"truncated gzip input", "the gzip data end too early"},
		{"truncated bzip2 input", "the bzip2 data end too early"},
		{"Lzma library error:  No progress is possible", xz_cut},
		{"Truncated zstd input", "the zstd data end too early"},
		{"Zstd decompression failed: Unknown frame descriptor",
			"something follows the zstd data"},
	};
	const char *text = archive_error_string(filters);

	for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].found) == 0)
			return words[i].said;
	return text;
}

/* libarchive does not say so where it already fails to open it. */
static int is_xz(int fd)
{
	char magic[5];

	return file_read_at(fd, magic, 5, 0) == 5 && memcmp(magic, "\xfd\x37zXZ", 5) == 0;
}

/* A checksum of the six bytes between it and the magic ones. */
static int is_xz_footer(const char *bytes)
{
	uint32_t sum;

	memcpy(&sum, bytes, sizeof(sum));
	return memcmp(bytes + 10, "YZ", 2) == 0 &&
	       crc32(0, (const Bytef *)bytes + 4, 6) == le32toh(sum);
}

/* Behind the last footer there may be zeros, four by four, and more data. */
static int has_tail(const char *bytes, size_t size, size_t most)
{
	size_t end = size, at;

	while (end >= XZ_FOOTER_BYTES && !is_xz_footer(bytes + end - XZ_FOOTER_BYTES))
		end--;
	if (end < XZ_FOOTER_BYTES)
		return 0;
	for (at = end; at < size && bytes[at] == '\0';)
		at++;
	if (at == size)
		return (at - end) % 4 != 0;
	return size - at <= most && bytes[at] != '\xfd';
}

/* What is too short for a header looks to the library as if it were cut off. */
const char *archive_filters_explain(const char *text, int fd)
{
	static const char own[] = "Lzma library error:";
	int is_cut = strcmp(text, xz_cut) == 0;
	size_t most = is_cut ? XZ_FOOTER_BYTES - 1 : XZ_TAIL_BYTES;
	char *tail;
	struct stat st;
	ssize_t size;

	if ((!is_cut && strncmp(text, own, sizeof(own) - 1) != 0) || !is_xz(fd) ||
		fstat(fd, &st) < 0)
		return text;
	tail = memory_alloc(XZ_TAIL_BYTES);
	size = file_read_at(fd, tail, XZ_TAIL_BYTES,
		st.st_size > XZ_TAIL_BYTES ? st.st_size - XZ_TAIL_BYTES : 0);
	if (size > 0 && has_tail(tail, (size_t)size, most))
		text = "something follows the xz data";
	free(tail);
	return text;
}
