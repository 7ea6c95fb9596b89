/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

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

struct written {
	int fd, error; /* the first */
};

static void write_on(void *context, const char *text, size_t size)
{
	struct written *to = context;

	if (!to->error && file_write(to->fd, text, size) < 0)
		to->error = errno;
}

int listing_write(struct tree *t, int dirfd, const char *path, struct diag *d)
{
	struct written to = {0};

	to.fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (to.fd < 0)
		return diag_fail_errno(d, "%s", path);
	tree_list(t, 1, write_on, &to);
	if (!to.error && fchmod(to.fd, 0644) < 0)
		to.error = errno;
	if (close(to.fd) < 0 && !to.error)
		to.error = errno;
	if (!to.error)
		return 0;
	unlinkat(dirfd, path, 0);
	errno = to.error;
	return diag_fail_errno(d, "%s", path);
}
