/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive_filters.h"
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
	la_ssize_t n = s->is_empty ? 0 : archive_filters_read(s->filters, a, bytes);

	if (n > 0)
		digest_add(s->unpacked, *bytes, (size_t)n);
	return n;
}

/* A layer that changes nothing may be no bytes at all, packed or not. */
static int open_members(struct oci_stream *s)
{
	s->members = archive_read_new();
	if (!s->members || archive_read_support_format_tar(s->members) != ARCHIVE_OK ||
		archive_read_support_format_empty(s->members) != ARCHIVE_OK)
		return -1;
	return archive_read_open(s->members, s, NULL, read_unpacked, NULL) == ARCHIVE_OK
		       ? 0
		       : -1;
}

int oci_stream_open(struct oci_stream *s, const struct oci_blob *blob)
{
	int rc;

	*s = (struct oci_stream){.blob = blob};
	s->packed = digest_new();
	s->unpacked = digest_new();
	s->chunk = memory_alloc(CHUNK_BYTES);
	/* Of gzip the digests tell what its checksum would. */
	s->filters = archive_filters_new(1);
	if (!s->filters ||
		archive_read_open(s->filters, s, NULL, read_packed, NULL) != ARCHIVE_OK)
		return -1;
	rc = archive_filters_start(s->filters);
	s->is_empty = rc == 0;
	return rc < 0 ? -1 : open_members(s);
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
		text = archive_filters_error(s->filters);
	return text ? text : "damaged archive";
}
