/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "look.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/digest.h"

/* A file that was digested and is untouched since: most stay what they are. */
struct known_file {
	ino_t inode;
	off_t size;
	struct timespec time;
	char sha256[DIGEST_HEX];
};

static const char *digest(struct looker *l, const char *path, const struct stat *st)
{
	struct diag d = {0};
	struct known_file *k;

	for (size_t i = 0; i < l->known_count; i++) {
		k = &l->known[i];
		if (k->inode == st->st_ino && k->size == st->st_size &&
			memcmp(&k->time, &st->st_mtim, sizeof(k->time)) == 0)
			return k->sha256;
	}
	l->known = memory_resize(l->known, (l->known_count + 1) * sizeof(*k));
	k = &l->known[l->known_count++];
	*k = (struct known_file){st->st_ino, st->st_size, st->st_mtim, "?"};
	if (digest_of_file(AT_FDCWD, path, k->sha256, NULL, &d) < 0)
		diag_print(&d, stderr, "look");
	diag_clear(&d);
	return k->sha256;
}

static int is_below(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	return strncmp(path, folder, size) == 0 && (!path[size] || path[size] == '/');
}

/* "HEX" or "HEX.img": no litter. */
static int is_cached(const struct looker *l, const char *path, const char *name)
{
	size_t hex = strspn(name, "0123456789abcdef");

	return l->cache && strstr(path, l->cache) && hex == DIGEST_HEX - 1 &&
	       (!name[hex] || strcmp(name + hex, ".img") == 0);
}

static void add(struct looker *l, struct look *found, const char *path, const char *name)
{
	struct stat st;
	struct buffer *b = &found->rest;
	const char *slash = strrchr(name, '/');

	if (lstat(path, &st) < 0)
		return;
	if (l->guest && slash && strcmp(slash + 1, l->guest) == 0) {
		found->guest_lives = 1;
		found->guest_stays |= is_below(name, l->target);
		return;
	}
	if (S_ISREG(st.st_mode) && slash && is_cached(l, name, slash + 1))
		return;
	if (is_below(name, l->target))
		b = &found->target;
	buffer_printf(b, "%s %o", name, (unsigned)st.st_mode);
	if (S_ISREG(st.st_mode))
		buffer_printf(b, " %lld %s", (long long)st.st_size, digest(l, path, &st));
	buffer_add_text(b, "\n");
}

static void walk(struct looker *l, struct look *found, const char *name)
{
	char *folder = memory_printf("%s/%s", l->top, name);
	struct dirent **list = NULL;
	int count = scandir(folder, &list, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *n = list[i]->d_name;
		char *path = memory_printf("%s/%s", folder, n);
		char *inner = memory_printf("%s%s%s", name, *name ? "/" : "", n);

		if (strcmp(n, ".") != 0 && strcmp(n, "..") != 0) {
			add(l, found, path, inner);
			if (list[i]->d_type == DT_DIR)
				walk(l, found, inner);
		}
		free(inner);
		free(path);
		free(list[i]);
	}
	free(list);
	free(folder);
}

void look_at(struct looker *l, struct look *found)
{
	*found = (struct look){0};
	buffer_add_text(&found->target, "");
	buffer_add_text(&found->rest, "");
	walk(l, found, "");
}

int look_has_same_target(const struct look *a, const struct look *b)
{
	return strcmp(a->target.bytes, b->target.bytes) == 0;
}

int look_is_same(const struct look *a, const struct look *b)
{
	return look_has_same_target(a, b) && strcmp(a->rest.bytes, b->rest.bytes) == 0 &&
	       a->guest_stays == b->guest_stays;
}

void look_clear(struct look *a)
{
	buffer_clear(&a->target);
	buffer_clear(&a->rest);
}
