/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_walk.h"
#include "match.h"
#include "place.h"
#include "resolve.h"

const char *host_kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "a named pipe";
	case S_IFSOCK:
		return "a socket";
	case S_IFDIR:
		return "a folder";
	case S_IFREG:
		return "a file";
	default:
		return "a device";
	}
}

static int is_allowed(const struct host *h, const char *real)
{
	for (size_t i = 0; i < h->root_count; i++) {
		if (resolve_lies_below(real, h->roots[i]))
			return 1;
	}
	return 0;
}

int host_may_read(const struct host *h, const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) && is_allowed(h, real);
}

static int may_read(const char *folder, void *context)
{
	return host_may_read(context, folder);
}

int host_expand(struct host *h, const char *pattern, struct matches *m)
{
	struct diag problems = {0};

	if (match_expand(h->options->folder, pattern, may_read, h, m, &h->scratch,
		    &problems) < 0)
		return place_fail_all(h->diag, &h->item->place, &problems);
	return 0;
}

const char *host_shown(const struct host *h, const char *pattern, const char *match)
{
	const char *folder = h->options->folder;

	if (*pattern == '/')
		return match;
	return match + strlen(folder) + (folder[strlen(folder) - 1] != '/');
}

static int fail_missing(
	struct host *h, const char *wanted, const char *path, const char *shown)
{
	const char *near = match_nearest(h->options->folder, shown, &h->scratch);
	char real[PATH_MAX];
	struct stat st;

	if (lstat(path, &st) == 0)
		return place_fail(h->diag, &h->item->place,
			"expected %s, found a link to nothing at %s", wanted, shown);
	/* Names outside are no business of a recipe's. */
	if (near &&
		realpath(*near == '/'
				 ? near
				 : resolve_join(&h->scratch, h->options->folder, near),
			real) &&
		is_allowed(h, real))
		return place_fail(h->diag, &h->item->place,
			"expected %s, found nothing at %s (did you mean %s?)", wanted,
			shown, near);
	return place_fail(h->diag, &h->item->place, "expected %s, found nothing at %s",
		wanted, shown);
}

/* Resolves what the recipe says and looks whether it may. */
const char *host_resolve(
	struct host *h, const char *wanted, const char *host, const char *shown)
{
	char real[PATH_MAX];

	if (!realpath(host, real)) {
		if (errno == ENOENT || errno == ENOTDIR)
			fail_missing(h, wanted, host, shown);
		else
			place_fail(h->diag, &h->item->place, "%s: %s", shown,
				strerror(errno));
		return NULL;
	}
	if (!is_allowed(h, real)) {
		place_fail(h->diag, &h->item->place,
			"expected a file below the recipe's folder, found %s (allow its "
			"folder with --allow)",
			strcmp(real, host) == 0 || *shown == '/' ? shown : real);
		return NULL;
	}
	return arena_strdup(&h->scratch, real);
}

/* The last part of a path, without slashes after it; NULL where it names no entry. */
const char *host_last_part(const char *path, struct arena *a)
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	if (start == end ||
		(end - start <= 2 && strncmp(path + start, "..", end - start) == 0))
		return NULL;
	return arena_memdup(a, path + start, end - start);
}

/* dest: where in the section, or NULL for its own name at the top. */
int host_add(struct host *h, const char *host, const char *shown, const char *dest)
{
	static const char wanted[] = "a file, folder or pattern";
	const char *name = host_last_part(shown, &h->scratch);
	const char *real = host_resolve(h, wanted, host, shown), *path;
	unsigned keep = h->item->keep;
	struct stat st;

	if (!real)
		return -1;
	if (stat(real, &st) < 0)
		return place_fail(
			h->diag, &h->item->place, "%s: %s", shown, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !(keep & KEEP_DEVICES))
		return place_fail(h->diag, &h->item->place, "expected %s, found %s at %s",
			wanted, host_kind_name(st.st_mode), shown);
	if (!dest)
		dest = name ? name
			    : ""; /* the contents of "." have no name of their own */
	if (!S_ISDIR(st.st_mode) && !*dest)
		return place_fail(h->diag, &h->item->place,
			"expected a folder for the top of %s, found the file %s",
			*h->top ? h->top : "the disk", shown);
	path = resolve_join(&h->scratch, h->top, dest);
	return S_ISDIR(st.st_mode)
		       ? host_walk_folder(h, real, host, shown, path)
		       : host_walk_file(h, real, host, shown, path, st.st_mode);
}

int host_open(struct host *h)
{
	const struct scan_options *o = h->options;
	char real[PATH_MAX];

	h->roots = arena_alloc(&h->scratch, (o->allowed_count + 1) * sizeof(*h->roots));
	if (!realpath(o->folder, real))
		return diag_fail_errno(h->diag, "%s", o->folder);
	h->roots[h->root_count++] = arena_strdup(&h->scratch, real);
	for (size_t i = 0; i < o->allowed_count; i++) {
		if (!realpath(o->allowed[i], real))
			return diag_fail_errno(h->diag, "%s", o->allowed[i]);
		h->roots[h->root_count++] = arena_strdup(&h->scratch, real);
	}
	return 0;
}

void host_close(struct host *h)
{
	free(h->seen.slots);
	arena_clear(&h->scratch);
}
