/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debian_check.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "control.h"

#define STATUS "./var/lib/dpkg/status"
#define STATUS_LIMIT_BYTES (64 * 1024 * 1024)
#define BLOCK_BYTES (1024 * 1024)

static const struct pin *find(const struct debian_contents *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->pins[i]->name, name) == 0)
			return c->pins[i];
	}
	return NULL;
}

static int check_package(const struct control_stanza *s, const char *label,
	const struct debian_contents *expected, struct diag *d)
{
	const char *name = control_value(s, "Package");
	const char *version = control_value(s, "Version");
	const char *status = control_value(s, "Status");
	const struct pin *pin = name ? find(expected, name) : NULL;

	if (!name || !version || !status)
		return diag_fail(d, "%s: dpkg's status is damaged", label);
	if (!pin || strcmp(pin->version, version) != 0)
		return diag_fail(
			d, "%s: has %s %s, which is not pinned", label, name, version);
	if (strcmp(status, "install ok installed") != 0)
		return diag_fail(d, "%s: %s %s is not completely installed: \"%s\"",
			label, name, version, status);
	return 0;
}

/* No name stands twice in a status of amd64 alone, so that a number tells what lacks. */
int debian_check_status(const char *text, size_t size, const char *label,
	const struct debian_contents *expected, struct diag *d)
{
	struct arena a = {0};
	struct control_stanza *s;
	long count = control_parse(text, size, label, &s, &a, d);
	int rc = count < 0 ? -1 : 0;

	for (long i = 0; i < count && rc == 0; i++)
		rc = check_package(&s[i], label, expected, d);
	if (rc == 0 && (size_t)count != expected->count)
		rc = diag_fail(d, "%s: has %ld packages; %zu are pinned", label, count,
			expected->count);
	arena_clear(&a);
	return rc;
}

static int read_status(struct archive *tar, struct archive_entry *e, struct buffer *b)
{
	la_int64_t size = archive_entry_size(e);

	if (size <= 0 || size > STATUS_LIMIT_BYTES)
		return -1;
	b->bytes = memory_alloc((size_t)size + 1);
	b->size = (size_t)size;
	return archive_read_data(tar, b->bytes, b->size) == size ? 0 : -1;
}

/* 0 where all of it could be read, and the status was there. */
static int read_layer(struct archive *tar, int fd, struct buffer *status)
{
	struct archive_entry *e;
	int rc;

	if (archive_read_support_format_tar(tar) != ARCHIVE_OK ||
		archive_read_open_fd(tar, fd, BLOCK_BYTES) != ARCHIVE_OK)
		return -1;
	/* It warns of names that are no text in this locale. */
	while ((rc = archive_read_next_header(tar, &e)) == ARCHIVE_OK ||
		rc == ARCHIVE_WARN) {
		const char *path = archive_entry_pathname(e);

		if (path && strcmp(path, STATUS) == 0 && !status->bytes &&
			read_status(tar, e, status) < 0)
			return -1;
	}
	return rc == ARCHIVE_EOF && status->bytes ? 0 : -1;
}

int debian_check_layer(int dirfd, const char *path, const char *label,
	const struct debian_contents *expected, struct diag *d)
{
	CLEANUP(file_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	CLEANUP(buffer_clear) struct buffer status = {0};
	struct archive *tar = archive_read_new();
	int rc;

	if (fd < 0 || !tar) {
		archive_read_free(tar);
		return diag_fail_errno(d, "%s", path);
	}
	rc = read_layer(tar, fd, &status);
	archive_read_free(tar);
	if (rc < 0)
		return diag_fail(d, "%s: what mmdebstrap made is damaged", label);
	return debian_check_status(status.bytes, status.size, label, expected, d);
}
