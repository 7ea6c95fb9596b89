/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The extended attributes of the host's files. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "host_walk.h"

#define PATH_BYTES (TREE_NAME_MAX + 32)
#define LIST_TRIES 8

static int by_name(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int is_set(const struct xattrs *in, const char *name)
{
	for (size_t i = 0; in && i < in->count; i++)
		if (strcmp(in->list[i].name, name) == 0)
			return 1;
	return 0;
}

static int read_one(struct arena *a, const char *path, const char *name, struct xattr *x)
{
	ssize_t size = lgetxattr(path, name, NULL, 0), got;
	char *value;

	if (size < 0)
		return -1;
	value = arena_alloc(a, (size_t)size + 1);
	/* With a size of 0 it would only ask again. */
	got = lgetxattr(path, name, value, (size_t)size + 1);
	if (got != size) {
		errno = got < 0 ? errno : EAGAIN; /* it changed in between */
		return -1;
	}
	*x = (struct xattr){
		.name = arena_strdup(a, name), .value = value, .size = (size_t)size};
	return 0;
}

static int read_all(const struct xattrs *own, const char *path, const char *names,
	size_t size, struct xattrs *out, struct arena *a)
{
	struct xattr *list;
	size_t room = own ? own->count : 0, count = room;

	for (size_t i = 0; i < size; i++)
		room += names[i] == '\0';
	list = arena_alloc(a, room * sizeof(*list));
	if (count)
		memcpy(list, own->list, count * sizeof(*list));
	for (const char *p = names; p < names + size; p += strlen(p) + 1)
		if (!is_set(own, p) && read_one(a, path, p, &list[count++]) < 0)
			return -1;
	qsort(list, count, sizeof(*list), by_name);
	*out = (struct xattrs){.list = list, .count = count};
	return 0;
}

/* Most files have none, which their path tells faster; a folder that is exchanged
 * meanwhile could only hide some. */
static int has_none(const char *folder, const char *name)
{
	char path[PATH_MAX];
	ssize_t size;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return 0;
	size = llistxattr(path, NULL, 0);
	return size == 0 || (size < 0 && errno == ENOTSUP);
}

/* What is counted for a size of 0 is only a bound: overlayfs counts attributes of its
 * own, which it then does not list. Returns the bytes of *names, which is the caller's.
 */
static ssize_t list_names(const char *path, char **names)
{
	*names = NULL;
	for (int i = 0; i < LIST_TRIES; i++) {
		ssize_t bound = llistxattr(path, NULL, 0), size;

		if (bound <= 0)
			return bound;
		*names = memory_alloc((size_t)bound);
		size = llistxattr(path, *names, (size_t)bound);
		if (size >= 0)
			return size;
		free(*names);
		*names = NULL;
		if (errno != ERANGE) /* there are more by now */
			return -1;
	}
	return -1;
}

int host_read_xattrs(const struct item *item, const char *folder, int fd,
	const char *name, const struct xattrs **xattrs, struct arena *a)
{
	char path[PATH_BYTES];
	struct xattrs *found;
	ssize_t size;
	char *names;
	int rc = 0;

	*xattrs = item->xattrs;
	if (has_none(folder, name))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, name);
	size = list_names(path, &names);
	if (size > 0) {
		found = arena_alloc(a, sizeof(*found));
		rc = read_all(item->xattrs, path, names, (size_t)size, found, a);
		*xattrs = found;
	}
	free(names);
	return size < 0 ? -1 : rc;
}
