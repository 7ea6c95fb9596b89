/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive_filters.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>

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

/* Each library has its own words for data that are cut off. */
const char *archive_filters_error(struct archive *filters)
{
	static const struct {
		const char *found, *said;
	} words[] = {
		{"truncated gzip input", "the gzip data end too early"},
		{"truncated bzip2 input", "the bzip2 data end too early"},
		{"Lzma library error:  No progress is possible",
			"the xz data end too early"},
		{"Truncated zstd input", "the zstd data end too early"},
	};
	const char *text = archive_error_string(filters);

	for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].found) == 0)
			return words[i].said;
	return text;
}
