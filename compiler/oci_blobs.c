/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive.h"
#include "common/file.h"
#include "place.h"

#define BLOB_PATH 96 /* "blobs/sha256/…" */

int oci_fail(const struct oci_blobs *b, struct diag *d, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	place_fail(d, b->place, "%s: %s", b->name, text);
	free(text);
	return -1;
}

static void start_tree(struct oci_blobs *b)
{
	tree_init(b->tree, 0);
	/* Links between members lead on. */
	b->tree->replaces = 1;
}

static int unpack(struct oci_blobs *b, const char *path, struct arena *a, struct diag *d)
{
	b->tree = arena_alloc(a, sizeof(*b->tree));
	b->item = arena_alloc(a, sizeof(*b->item));
	*b->item = (struct item){.kind = ITEM_ARCHIVE, .mode = -1};
	if (b->place)
		b->item->place = *b->place;
	b->path = arena_strdup(a, path);
	start_tree(b);
	return archive_add_small(
		b->tree, "", path, b->name, b->item, OCI_JSON_LIMIT_BYTES, d);
}

int oci_blobs_complete(struct oci_blobs *b, struct diag *d)
{
	if (!b->tree)
		return 0;
	tree_clear(b->tree);
	start_tree(b);
	return archive_add(b->tree, "", b->path, b->name, b->item, 0, d);
}

int oci_blobs_open(struct oci_blobs *b, const char *path, struct arena *a, struct diag *d)
{
	struct stat st;

	b->folder = -1;
	b->tree = NULL;
	if (stat(path, &st) < 0)
		return oci_fail(b, d, "%s", strerror(errno));
	if (S_ISREG(st.st_mode))
		return unpack(b, path, a, d);
	if (!S_ISDIR(st.st_mode))
		return oci_fail(b, d, "expected a folder or an archive");
	b->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return b->folder < 0 ? oci_fail(b, d, "%s", strerror(errno)) : 0;
}

void oci_blobs_close(struct oci_blobs *b)
{
	file_close(&b->folder);
	b->folder = -1;
	if (b->tree)
		tree_clear(b->tree);
	b->tree = NULL;
}

static int find_file(const struct oci_blobs *b, const char *path, struct oci_blob *blob,
	struct diag *d)
{
	struct stat st;

	/* O_NONBLOCK: a fifo must not stop us. */
	blob->fd = openat(b->folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	blob->is_own = 1;
	if (blob->fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : oci_fail(b, d, "%s: %s", path, strerror(errno));
	if (fstat(blob->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		oci_blob_close(blob);
		return oci_fail(b, d, "%s: expected a file", path);
	}
	blob->size = (uint64_t)st.st_size;
	return 1;
}

/* The member that a path names, through links; NULL: none. */
static const struct node *find_member(const struct oci_blobs *b, const char *path)
{
	struct node *n = tree_find(b->tree, path);
	const char *why;

	n = n ? tree_resolve(b->tree, n, &why) : NULL;
	return n && n->type == NODE_HARDLINK ? n->primary : n;
}

int oci_blobs_find(const struct oci_blobs *b, const char *path, struct oci_blob *blob,
	struct diag *d)
{
	const struct node *n;

	*blob = (struct oci_blob){.fd = -1};
	if (!b->tree)
		return find_file(b, path, blob, d);
	n = find_member(b, path);
	if (!n)
		return 0;
	if (n->type != NODE_FILE)
		return oci_fail(b, d, "%s: expected a file", path);
	blob->fd = b->tree->spool;
	blob->offset = n->offset;
	blob->size = n->size;
	return 1;
}

void oci_blob_close(struct oci_blob *blob)
{
	if (blob->is_own)
		file_close(&blob->fd);
	*blob = (struct oci_blob){.fd = -1};
}

int oci_blobs_open_blob(const struct oci_blobs *b, const struct oci_descriptor *of,
	struct oci_blob *blob, struct diag *d)
{
	char path[BLOB_PATH];
	int found;

	snprintf(path, sizeof(path), "blobs/sha256/%s", of->digest);
	found = oci_blobs_find(b, path, blob, d);
	if (found == 0)
		return oci_fail(b, d, "%s: no such file in the image", path);
	if (found > 0 && blob->size != of->size) {
		uint64_t size = blob->size;

		oci_blob_close(blob);
		return oci_fail(b, d, "%s: expected %llu bytes, found %llu", path,
			(unsigned long long)of->size, (unsigned long long)size);
	}
	return found < 0 ? -1 : 0;
}

static const char *read_all(const struct oci_blobs *b, const char *path,
	const struct oci_blob *blob, struct arena *a, struct diag *d)
{
	char *bytes;
	ssize_t n;

	if (blob->size > OCI_JSON_LIMIT_BYTES) {
		oci_fail(b, d, "%s: expected at most %d bytes, found %llu", path,
			OCI_JSON_LIMIT_BYTES, (unsigned long long)blob->size);
		return NULL;
	}
	bytes = arena_alloc(a, blob->size + 1);
	n = file_read_at(blob->fd, bytes, blob->size, (off_t)blob->offset);
	if (n >= 0 && (uint64_t)n == blob->size)
		return bytes;
	oci_fail(b, d, "%s: %s", path,
		n < 0 ? strerror(errno) : "changed while it was read");
	return NULL;
}

const char *oci_blobs_read(const struct oci_blobs *b, const char *path, size_t *size,
	struct arena *a, struct diag *d)
{
	const char *bytes = NULL;
	struct oci_blob blob;

	if (oci_blobs_find(b, path, &blob, d) <= 0)
		return NULL;
	*size = blob.size;
	bytes = read_all(b, path, &blob, a, d);
	oci_blob_close(&blob);
	return bytes;
}

const char *oci_blobs_read_blob(const struct oci_blobs *b,
	const struct oci_descriptor *of, struct arena *a, struct diag *d)
{
	char path[BLOB_PATH], found[DIGEST_HEX];
	const char *bytes;
	struct oci_blob blob;

	snprintf(path, sizeof(path), "blobs/sha256/%s", of->digest);
	if (oci_blobs_open_blob(b, of, &blob, d) < 0)
		return NULL;
	bytes = read_all(b, path, &blob, a, d);
	oci_blob_close(&blob);
	if (!bytes)
		return NULL;
	digest_of_bytes(bytes, of->size, found);
	if (strcmp(found, of->digest) == 0)
		return bytes;
	oci_fail(b, d, "%s: its contents have another digest, %s", path, found);
	return NULL;
}
