/* SPDX-License-Identifier: GPL-2.0-or-later */
/* archive_filters: bytes that are packed, or not -> what they unpack to, to the end:
 * whatever checksum stands there is looked at. */
#ifndef COMPILER_ARCHIVE_FILTERS_H
#define COMPILER_ARCHIVE_FILTERS_H

#include <archive.h>

/* A reader of what bzip2, xz and zstd pack (no helper programs), and with `gzip` gzip,
 * whose checksum libarchive does not look at. The caller opens it, and then calls
 * archive_filters_start(). NULL where libarchive lacks one. */
struct archive *archive_filters_new(int gzip);

/* 1: there are bytes to read; 0: there are none, and nothing must be read; -1. */
int archive_filters_start(struct archive *filters);

/* The next bytes, as many as there are at once, as a read callback of libarchive gives
 * them: 0 at the end; -1, and `to`, if not NULL, has the error. */
la_ssize_t archive_filters_read(
	struct archive *filters, struct archive *to, const void **bytes);

/* What went wrong, or NULL. */
const char *archive_filters_error(struct archive *filters);

/* The same text, or a better one where the file that was read tells more. */
const char *archive_filters_explain(const char *text, int fd);

#endif
