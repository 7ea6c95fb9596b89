/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "record.h"
#include "store.h"

#define DIGEST_SHORTEST 12

static int compare_bases(const void *x, const void *y)
{
	const struct base *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->digest, b->digest);
}

/* The names in a folder of the store, sorted; those that begin with a dot are left out. A
 * folder that is not there is empty. */
static int list_names(struct store *s, const char *folder, struct arena *a,
	const char ***names, size_t *count, struct diag *d)
{
	struct dirent **entries;
	int n = scandirat(s->fd, folder, &entries, NULL, alphasort);

	*count = 0;
	*names = NULL;
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return diag_fail_errno(d, "%s/%s", s->path, folder);
	*names = arena_alloc(a, ((size_t)n + 1) * sizeof(**names));
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			(*names)[(*count)++] = arena_strdup(a, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

static void add_base(struct bases *b, struct store *s, const char *digest)
{
	struct diag ignored = {0};
	struct base base = {0};
	int found = digest_is_hex(digest)
			    ? record_read(s, digest, &base, &b->arena, &ignored)
			    : 0;

	if (found == 1)
		b->list[b->count++] = base;
	if (found < 0) {
		memcpy(base.digest, digest, DIGEST_HEX);
		b->damaged[b->damaged_count++] = base;
	}
	diag_clear(&ignored);
}

int bases_read(struct bases *b, struct diag *d)
{
	struct store s;
	const char **names;
	size_t count;
	int rc;

	*b = (struct bases){0};
	if (store_open(&s, d) < 0)
		return -1;
	rc = list_names(&s, "bases", &b->arena, &names, &count, d);
	b->list = arena_alloc(&b->arena, (count + 1) * sizeof(*b->list));
	b->damaged = arena_alloc(&b->arena, (count + 1) * sizeof(*b->damaged));
	for (size_t i = 0; i < count; i++)
		add_base(b, &s, names[i]);
	qsort(b->list, b->count, sizeof(*b->list), compare_bases);
	store_close(&s);
	return rc;
}

void bases_clear(struct bases *b)
{
	arena_clear(&b->arena);
	*b = (struct bases){0};
}

int bases_is_called(const struct base *base, const char *name)
{
	size_t size = strlen(name);

	return (base->name && strcmp(base->name, name) == 0) ||
	       (size >= DIGEST_SHORTEST && strncmp(base->digest, name, size) == 0);
}

int bases_remove(const struct base *base, struct diag *d)
{
	struct store s;
	char *place = memory_printf("bases/%s", base->digest);
	int rc = store_open(&s, d);

	if (rc == 0) {
		store_lock(&s, 1);
		rc = store_remove(&s, place, d);
		store_close(&s);
	}
	free(place);
	return rc;
}

/* While the store is gone through. */
struct collection {
	struct store store;
	time_t before; /* what was used last before then goes */
	int dry_run;
	void (*each)(void *context, const char *place, uint64_t bytes);
	void *context;
	struct bases_garbage *garbage;
	struct arena arena;
	struct diag *diag;
};

/* On the disk; what has other names there stays. */
static uint64_t own_bytes(const struct stat *st)
{
	return st->st_nlink > 1 ? 0 : (uint64_t)st->st_blocks * 512;
}

static uint64_t bytes_in(struct collection *c, const char *place, const struct stat *st)
{
	uint64_t bytes = 0;
	struct diag ignored = {0};
	const char **names;
	size_t count;
	struct stat file;

	if (!S_ISDIR(st->st_mode))
		return own_bytes(st);
	list_names(&c->store, place, &c->arena, &names, &count, &ignored);
	for (size_t i = 0; i < count; i++)
		if (fstatat(c->store.fd,
			    arena_printf(&c->arena, "%s/%s", place, names[i]), &file,
			    AT_SYMLINK_NOFOLLOW) == 0)
			bytes += own_bytes(&file);
	diag_clear(&ignored);
	return bytes;
}

static int collect(struct collection *c, const char *place, const struct stat *st)
{
	uint64_t bytes = bytes_in(c, place, st);

	if (c->each)
		c->each(c->context, place, bytes);
	c->garbage->count++;
	c->garbage->bytes += bytes;
	return c->dry_run ? 0 : store_remove(&c->store, place, c->diag);
}

static int collect_old(struct collection *c, const char *folder)
{
	const char **names;
	size_t count;
	struct stat st;

	if (list_names(&c->store, folder, &c->arena, &names, &count, c->diag) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *place = arena_printf(&c->arena, "%s/%s", folder, names[i]);

		if (fstatat(c->store.fd, place, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			st.st_mtime >= c->before)
			continue;
		if (collect(c, place, &st) < 0)
			return -1;
	}
	return 0;
}

static int leads_nowhere(struct collection *c, const char *key)
{
	char digest[DIGEST_HEX];
	struct stat st;

	return !store_find_key(&c->store, key, digest) ||
	       fstatat(c->store.fd, arena_printf(&c->arena, "bases/%s", digest), &st,
		       AT_SYMLINK_NOFOLLOW) < 0;
}

/* Keys are small, and nothing to tell of. */
static int drop_keys(struct collection *c)
{
	const char **names;
	size_t count;

	if (list_names(&c->store, "keys", &c->arena, &names, &count, c->diag) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (leads_nowhere(c, names[i]) &&
			store_remove(&c->store,
				arena_printf(&c->arena, "keys/%s", names[i]),
				c->diag) < 0)
			return -1;
	return 0;
}

static int collect_all(struct collection *c)
{
	static const char *const folders[] = {"bases", "layers", "images", "packages"};

	store_lock(&c->store, 1);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (collect_old(c, folders[i]) < 0)
			return -1;
	return c->dry_run ? 0 : drop_keys(c);
}

int bases_collect(int64_t unused_seconds, int dry_run,
	void (*each)(void *context, const char *place, uint64_t bytes), void *context,
	struct bases_garbage *garbage, struct diag *d)
{
	struct collection c = {.before = time(NULL) - (time_t)unused_seconds,
		.dry_run = dry_run,
		.each = each,
		.context = context,
		.garbage = garbage,
		.diag = d};
	int rc;

	*garbage = (struct bases_garbage){0};
	if (store_open(&c.store, d) < 0)
		return -1;
	rc = collect_all(&c);
	store_close(&c.store);
	arena_clear(&c.arena);
	return rc;
}
