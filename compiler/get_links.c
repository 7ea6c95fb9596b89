/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "get_links.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

struct known {
	uint32_t ino;
	char *path;
};

static int compare(const void *a, const void *b)
{
	const struct known *one = a, *other = b;

	return one->ino < other->ino ? -1 : one->ino > other->ino;
}

void get_links_note(struct get_links *l, uint32_t ino, const char *path)
{
	struct known *k;
	void *slot;

	if (strlen(path) >= PATH_MAX)
		return;
	k = memory_alloc(sizeof(*k));
	k->ino = ino;
	k->path = memory_strdup(path);
	slot = tsearch(k, &l->known, compare);
	if (!slot)
		memory_stop();
	if (*(struct known **)slot != k) {
		free(k->path);
		free(k);
	}
}

/* For kernels without openat2: the folder of a path, part by part. */
static int walk_to_parent(const struct get_links *l, const char *path)
{
	int fd = openat(l->top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (const char *slash; fd >= 0 && (slash = strchr(path, '/'));
		path = slash + 1) {
		char *part = memory_printf("%.*s", (int)(slash - path), path);
		int next =
			openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		free(part);
		file_close(&fd);
		fd = next;
	}
	return fd;
}

/* The folder of a path below the top, no link followed; *last is its last part. */
static int open_parent(const struct get_links *l, const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	char *parent = slash ? memory_printf("%.*s", (int)(slash - path), path)
			     : memory_strdup(".");
	int fd = (int)syscall(SYS_openat2, l->top, parent, &how, sizeof(how));

	free(parent);
	*last = slash ? slash + 1 : path;
	/* EPERM is what some containers' filters say. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = walk_to_parent(l, path);
	return fd;
}

int get_links_make(struct get_links *l, uint32_t ino, int folder, const char *name)
{
	const struct known wanted = {.ino = ino};
	void *found = tfind(&wanted, &l->known, compare);
	CLEANUP(file_close) int from = -1;
	const char *last;

	if (!found)
		return 0;
	from = open_parent(l, (*(struct known **)found)->path, &last);
	if (from < 0)
		return -1;
	if (linkat(from, last, folder, name, 0) == 0)
		return 1;
	return errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP
		       ? 0
		       : -1;
}

static void forget(void *node)
{
	struct known *k = node;

	free(k->path);
	free(k);
}

void get_links_clear(struct get_links *l)
{
	tdestroy(l->known, forget);
	l->known = NULL;
}
