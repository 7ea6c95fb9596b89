/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "match.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "resolve.h"

#define EDITS_MAX 2
#define NAME_MAX_COMPARED 255

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Arrays in an arena: doubled, the old one left behind. */
static const char **append(
	const char **list, size_t count, const char *text, struct arena *a)
{
	if (count == 0 || (count >= 16 && (count & (count - 1)) == 0)) {
		size_t room = count ? count * 2 : 16;
		const char **grown = arena_alloc(a, room * sizeof(*grown));

		if (count)
			memcpy(grown, list, count * sizeof(*grown));
		list = grown;
	}
	list[count] = text;
	return list;
}

/* Types and names one after the other, then pointers to the names: a folder may have
 * millions. */
static const char **sorted_names(const struct buffer *packed, size_t count)
{
	const char **names = memory_alloc((count + 1) * sizeof(*names));
	const char *p = packed->bytes;

	for (size_t i = 0; i < count; i++, p += strlen(p) + 1)
		names[i] = ++p;
	qsort(names, count, sizeof(*names), by_text);
	return names;
}

static int read_names(DIR *dir, struct names *n)
{
	struct dirent *e;

	while ((errno = 0, e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		buffer_add(&n->packed, &e->d_type, 1);
		buffer_add(&n->packed, e->d_name, strlen(e->d_name) + 1);
		n->count++;
	}
	return errno ? -1 : 0;
}

int match_list_folder(int dirfd, const char *path, struct names *n)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int rc = -1, error;

	*n = (struct names){0};
	if (dir)
		rc = read_names(dir, n);
	error = errno;
	if (rc == 0)
		n->list = sorted_names(&n->packed, n->count);
	else
		match_names_clear(n);
	if (dir)
		closedir(dir);
	else
		file_close(&fd);
	errno = error;
	return rc;
}

void match_names_clear(struct names *n)
{
	buffer_clear(&n->packed);
	free(n->list);
	*n = (struct names){0};
}

unsigned char match_name_type(const struct names *n, size_t i)
{
	return (unsigned char)n->list[i][-1];
}

int match_is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

struct search {
	int (*may_read)(const char *folder, void *context);
	void *context;
	struct matches *m;
	struct arena *a;
	struct diag *d;
};

static void add_match(struct search *s, const char *path)
{
	s->m->paths = append(s->m->paths, s->m->count, path, s->a);
	s->m->count++;
}

static int is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int expand(struct search *s, const char *folder, const char *pattern);

/* One entry stands for the pattern's first part: goes on with what follows it. */
static int step(struct search *s, const char *path, const char *rest)
{
	if (!*rest)
		add_match(s, path);
	else if (is_folder(path))
		return expand(s, path, rest);
	return 0;
}

static int expand_part(
	struct search *s, const char *folder, const char *part, const char *rest)
{
	struct names names;
	int rc = 0;

	if (!s->may_read(folder, s->context))
		return diag_fail(s->d,
			"expected a folder below the recipe's folder, found %s (allow it "
			"with --allow)",
			folder);
	if (match_list_folder(AT_FDCWD, folder, &names) < 0)
		return diag_fail_errno(s->d, "%s", folder);
	s->m->folders = append(s->m->folders, s->m->folder_count, folder, s->a);
	s->m->folder_count++;
	for (size_t i = 0; rc == 0 && i < names.count; i++)
		if (fnmatch(part, names.list[i], FNM_PERIOD) == 0)
			rc = step(s, resolve_join(s->a, folder, names.list[i]), rest);
	match_names_clear(&names);
	return rc;
}

static int expand(struct search *s, const char *folder, const char *pattern)
{
	size_t size = strcspn(pattern, "/");
	const char *part = arena_memdup(s->a, pattern, size);
	const char *rest = pattern + size + strspn(pattern + size, "/");
	const char *path;

	if (match_is_pattern(part))
		return expand_part(s, folder, part, rest);
	path = resolve_join(s->a, folder, part);
	return is_there(path) ? step(s, path, rest) : 0;
}

int match_expand(const char *folder, const char *pattern,
	int (*may_read)(const char *folder, void *context), void *context,
	struct matches *m, struct arena *a, struct diag *d)
{
	struct search s = {
		.may_read = may_read, .context = context, .m = m, .a = a, .d = d};
	locale_t bytes = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t old = uselocale(bytes);
	int rc;

	*m = (struct matches){0};
	if (*pattern == '/')
		rc = expand(&s, "/", pattern + strspn(pattern, "/"));
	else
		rc = expand(&s, folder, pattern);
	uselocale(old);
	freelocale(bytes);
	if (rc == 0 && m->count > 1)
		qsort(m->paths, m->count, sizeof(*m->paths), by_text);
	return rc;
}

static unsigned least(unsigned x, unsigned y, unsigned z)
{
	unsigned m = x < y ? x : y;

	return m < z ? m : z;
}

/* Levenshtein's distance, two neighbours swapped counting as two. */
static unsigned edits_between(const char *x, const char *y)
{
	size_t m = strlen(x), n = strlen(y);
	unsigned row[NAME_MAX_COMPARED + 1];

	if (m > NAME_MAX_COMPARED || n > NAME_MAX_COMPARED ||
		(m > n ? m - n : n - m) > EDITS_MAX)
		return EDITS_MAX + 1;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
				diagonal + (x[i - 1] != y[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

static const char *nearest_in(const char *folder, const char *name, struct arena *a)
{
	unsigned best = EDITS_MAX + 1;
	const char *found = NULL;
	struct names names;

	if (match_list_folder(AT_FDCWD, folder, &names) < 0)
		return NULL;
	for (size_t i = 0; i < names.count; i++) {
		unsigned edits = edits_between(name, names.list[i]);

		/* A name of which nothing is left is no likeness. */
		if (edits < best && edits < strlen(name)) {
			best = edits;
			found = names.list[i];
		}
	}
	if (found)
		found = arena_strdup(a, found);
	match_names_clear(&names);
	return found;
}

const char *match_nearest(const char *folder, const char *path, struct arena *a)
{
	const char *at = path, *host = *path == '/' ? "/" : folder;

	while (*(at += strspn(at, "/"))) {
		size_t size = strcspn(at, "/");
		const char *name = arena_memdup(a, at, size);
		const char *next = resolve_join(a, host, name), *near;

		if (!is_there(next)) {
			near = nearest_in(host, name, a);
			return near ? arena_printf(a, "%.*s%s%s", (int)(at - path), path,
					      near, at + size)
				    : NULL;
		}
		host = next;
		at += size;
	}
	return NULL;
}
