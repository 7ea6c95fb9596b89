/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "archive_input.h"
#include "common/file.h"
#include "host.h"
#include "match.h"
#include "place.h"
#include "resolve.h"

#define KEEP_ALL (KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS | KEEP_DEVICES)

struct describing {
	struct contents *contents;
	struct item *list; /* the contents' */
	size_t room;
	struct host host; /* of the item at work */
	struct arena *arena;
};

/* A folder's owners are whoever unpacked it here: they are not kept unless asked for. */
static void add(struct describing *g, const struct item *given, enum item_kind kind)
{
	struct items *items = &g->contents->items;
	struct item *item;

	if (items->count == g->room) {
		g->room = g->room ? 2 * g->room : 16;
		item = arena_alloc(g->arena, g->room * sizeof(*item));
		if (items->count > 0)
			memcpy(item, g->list, items->count * sizeof(*item));
		items->list = g->list = item;
	}
	item = &g->list[items->count++];
	*item = *given;
	item->kind = kind;
	if (!item->keep)
		item->keep = kind == ITEM_ARCHIVE ? KEEP_ALL : KEEP_ALL & ~KEEP_OWNERS;
}

static void add_folders(struct contents *c, const struct matches *m, struct arena *a)
{
	const char **grown =
		arena_alloc(a, (c->folder_count + m->folder_count + 1) * sizeof(*grown));

	if (c->folder_count > 0)
		memcpy(grown, c->folders, c->folder_count * sizeof(*grown));
	for (size_t i = 0; i < m->folder_count; i++)
		grown[c->folder_count++] = arena_strdup(a, m->folders[i]);
	c->folders = grown;
}

/* Not by its name: a root file system has files of any name. */
static int is_archive(const struct host *h, const char *path)
{
	CLEANUP(file_close) int fd = -1;
	struct stat st;

	if (!host_may_read(h, path) || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 && archive_input_has_member(fd);
}

/* Without archives a pattern stays what it is. */
static void add_matches(
	struct describing *g, const struct item *given, const struct matches *m)
{
	const char *top = given->dest ? given->dest : "";
	char *packed = arena_alloc(&g->host.scratch, m->count + 1);
	size_t archives = 0;

	for (size_t i = 0; i < m->count; i++)
		archives += (size_t)(packed[i] = (char)is_archive(&g->host, m->paths[i]));
	if (archives == 0)
		add(g, given, ITEM_PATH);
	for (size_t i = 0; archives > 0 && i < m->count; i++) {
		struct item item = *given;

		item.source = arena_strdup(
			g->arena, host_shown(&g->host, given->source, m->paths[i]));
		if (!packed[i])
			item.dest = resolve_join(
				g->arena, top, host_last_part(item.source, g->arena));
		add(g, &item, packed[i] ? ITEM_ARCHIVE : ITEM_PATH);
	}
	add_folders(g->contents, m, g->arena);
}

static int describe_pattern(struct describing *g)
{
	const struct item *item = g->host.item;
	struct matches m;

	if (host_expand(&g->host, item->source, &m) < 0)
		return -1;
	add_matches(g, item, &m);
	return 0;
}

/* A name that looks like a pattern is first of all a name. */
static int describe_path(struct describing *g)
{
	static const char wanted[] = "a folder or an archive";
	struct host *h = &g->host;
	const struct item *item = h->item;
	const char *path = *item->source == '/'
				   ? item->source
				   : arena_printf(&h->scratch, "%s/%s",
					     h->options->folder, item->source);
	struct stat st;

	if (match_is_pattern(item->source) && lstat(path, &st) < 0)
		return describe_pattern(g);
	path = host_resolve(h, wanted, path, item->source);
	if (!path)
		return -1;
	if (stat(path, &st) < 0)
		return place_fail(
			h->diag, &item->place, "%s: %s", item->source, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return place_fail(h->diag, &item->place, "expected %s, found %s at %s",
			wanted, host_kind_name(st.st_mode), item->source);
	add(g, item, S_ISREG(st.st_mode) ? ITEM_ARCHIVE : ITEM_PATH);
	return 0;
}

static int describe(struct describing *g, const struct item *item)
{
	if (item->kind == ITEM_PATH) {
		g->host.item = item;
		return describe_path(g);
	}
	add(g, item, item->kind);
	return 0;
}

int contents_describe(struct contents *c, const struct items *given,
	const struct scan_options *o, struct arena *a, struct diag *d)
{
	static const struct item none;
	struct describing g = {.contents = c,
		.host = {.options = o, .item = &none, .diag = d},
		.arena = a};
	int rc = host_open(&g.host);

	*c = (struct contents){0};
	for (size_t i = 0; rc == 0 && i < given->count; i++)
		rc = describe(&g, &given->list[i]);
	host_close(&g.host);
	return rc;
}
