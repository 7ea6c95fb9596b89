/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

#define CHUNK_BYTES (256 * 1024)

/* The next bytes of the blob; what is read is digested once, in order. */
static la_ssize_t read_packed(struct archive *a, void *context, const void **bytes)
{
	struct oci_stream *s = context;
	uint64_t left = s->blob->size - s->at;
	size_t want = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
	ssize_t n;

	*bytes = s->chunk;
	n = file_read_at(s->blob->fd, s->chunk, want, (off_t)(s->blob->offset + s->at));
	if (n < 0 || (size_t)n != want) {
		archive_set_error(a, n < 0 ? errno : EIO, "%s",
			n < 0 ? strerror(errno) : "changed while it was read");
		return -1;
	}
	s->at += want;
	digest_add(s->packed, s->chunk, want);
	return (la_ssize_t)want;
}

static la_ssize_t read_unpacked(struct archive *a, void *context, const void **bytes)
{
	struct oci_stream *s = context;
	la_int64_t offset;
	size_t size = 0;
	int rc;

	do {
		rc = archive_read_data_block(s->filters, bytes, &size, &offset);
	} while (rc == ARCHIVE_OK && size == 0);
	if (rc == ARCHIVE_OK) {
		digest_add(s->unpacked, *bytes, size);
		return (la_ssize_t)size;
	}
	if (rc == ARCHIVE_EOF)
		return 0;
	if (a)
		archive_set_error(a, EIO, "%s", archive_error_string(s->filters));
	return -1;
}

/* Only what needs no helper programs. */
static struct archive *make_filters(void)
{
	struct archive *a = archive_read_new();

	if (a && archive_read_support_format_raw(a) == ARCHIVE_OK &&
		archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
		archive_read_support_filter_zstd(a) == ARCHIVE_OK &&
		archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
		archive_read_support_filter_xz(a) == ARCHIVE_OK)
		return a;
	archive_read_free(a);
	return NULL;
}

int oci_stream_open(struct oci_stream *s, const struct oci_blob *blob)
{
	struct archive_entry *e;

	*s = (struct oci_stream){.blob = blob};
	s->packed = digest_new();
	s->unpacked = digest_new();
	s->chunk = memory_alloc(CHUNK_BYTES);
	s->filters = make_filters();
	if (!s->filters ||
		archive_read_open(s->filters, s, NULL, read_packed, NULL) != ARCHIVE_OK ||
		archive_read_next_header(s->filters, &e) != ARCHIVE_OK)
		return -1;
	s->members = archive_read_new();
	if (!s->members || archive_read_support_format_tar(s->members) != ARCHIVE_OK ||
		archive_read_open(s->members, s, NULL, read_unpacked, NULL) != ARCHIVE_OK)
		return -1;
	return 0;
}

int oci_stream_finish(struct oci_stream *s)
{
	const void *bytes;
	la_ssize_t n = -1;

	if (s->members)
		while ((n = read_unpacked(NULL, s, &bytes)) > 0)
			;
	while (s->filters && s->at < s->blob->size &&
		read_packed(s->filters, s, &bytes) > 0)
		;
	digest_finish(s->packed, s->packed_hex);
	digest_finish(s->unpacked, s->unpacked_hex);
	s->packed = s->unpacked = NULL;
	return n < 0 ? -1 : 0;
}

void oci_stream_close(struct oci_stream *s)
{
	archive_read_free(s->members);
	archive_read_free(s->filters);
	digest_drop(s->packed);
	digest_drop(s->unpacked);
	free(s->chunk);
	*s = (struct oci_stream){0};
}

const char *oci_stream_error(const struct oci_stream *s)
{
	const char *text = NULL;

	if (s->members)
		text = archive_error_string(s->members);
	if (!text && s->filters)
		text = archive_error_string(s->filters);
	return text ? text : "damaged archive";
}
