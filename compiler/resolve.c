/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resolve.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int resolve_lies_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return 1;
	return strncmp(path, folder, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

enum resolve_result resolve_path(const struct resolve_roots *roots, const char *path,
	struct arena *a, const char **resolved)
{
	const char *full =
		path[0] == '/' ? path : arena_printf(a, "%s/%s", roots->folder, path);
	char real[PATH_MAX];

	if (!realpath(full, real))
		return errno == ENOENT || errno == ENOTDIR ? RESOLVE_MISSING
							   : RESOLVE_FAILED;
	*resolved = arena_strdup(a, real);
	if (resolve_lies_below(real, roots->folder))
		return RESOLVE_OK;
	for (size_t i = 0; i < roots->allowed_count; i++)
		if (resolve_lies_below(real, roots->allowed[i]))
			return RESOLVE_OK;
	return RESOLVE_OUTSIDE;
}

const char *resolve_join(struct arena *a, const char *x, const char *y)
{
	size_t size = strlen(x);

	if (!size || !*y)
		return size ? x : y;
	return arena_printf(a, x[size - 1] == '/' ? "%s%s" : "%s/%s", x, y);
}
