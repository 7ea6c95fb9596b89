/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#define WRITE_BYTES 65536 /* at once */

struct described {
	struct digest *digest;
	uint64_t size_bytes;
};

static void describe(void *context, const char *text, size_t size)
{
	struct described *to = context;

	digest_add(to->digest, text, size);
	to->size_bytes += size;
}

void listing_describe(struct tree *t, struct artifact *a)
{
	struct described to = {.digest = digest_new()};

	tree_list(t, 1, describe, &to);
	a->size_bytes = to.size_bytes;
	digest_finish(to.digest, a->sha256);
}

/* What waits to be written, and the first error. */
struct written {
	int fd, error;
	struct buffer text;
};

static void flush(struct written *to)
{
	if (!to->error && file_write(to->fd, to->text.bytes, to->text.size) < 0)
		to->error = errno;
	to->text.size = 0;
}

static void write_on(void *context, const char *text, size_t size)
{
	struct written *to = context;

	buffer_add(&to->text, text, size);
	if (to->text.size >= WRITE_BYTES)
		flush(to);
}

int listing_write(
	struct tree *t, int dirfd, const char *path, const char *name, struct diag *d)
{
	struct written to = {0};

	to.fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (to.fd < 0)
		return diag_fail_errno(d, "%s", name);
	tree_list(t, 1, write_on, &to);
	flush(&to);
	buffer_clear(&to.text);
	if (!to.error && fchmod(to.fd, 0644) < 0)
		to.error = errno;
	if (close(to.fd) < 0 && !to.error)
		to.error = errno;
	if (!to.error)
		return 0;
	unlinkat(dirfd, path, 0);
	errno = to.error;
	return diag_fail_errno(d, "%s", name);
}
