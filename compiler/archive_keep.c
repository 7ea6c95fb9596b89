/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive_keep.h"

#include <archive.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_acl.h"

#define OWNER_MAX (UINT32_MAX - 1) /* the last number stands for none */
#define ACLS 2
#define BLOCK_BYTES 512 /* of a tar file */
#define SECOND_NS 1000000000L

/* The attributes of one member, as they are gathered. */
struct gathered {
	struct arena *arena;
	struct xattr *list;
	size_t count;
};

mode_t archive_keep_mode(
	const struct item *item, struct archive_entry *e, int keep_special_modes)
{
	mode_t mode = archive_acl_mode(e);
	mode_t special = keep_special_modes ? mode & 07000 : 0;

	if (archive_entry_filetype(e) == AE_IFDIR)
		return item->keep & KEEP_MODES ? mode : 0755 | special;
	if ((item->keep & KEEP_MODES) && item->mode < 0)
		return mode;
	return tree_mode(item, mode, keep_special_modes);
}

static const char *keep_owner(struct node *n, struct archive_entry *e)
{
	la_int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	if (uid < 0 || uid > OWNER_MAX || gid < 0 || gid > OWNER_MAX)
		return "an owner whose number is out of range";
	n->uid = (uint32_t)uid;
	n->gid = (uint32_t)gid;
	return NULL;
}

static void put_header(char *block, const char *name, char type, unsigned size)
{
	unsigned sum = 0;

	snprintf(block, BLOCK_BYTES, "%s", name);
	snprintf(block + 100, 8, "%07o", 0644);
	snprintf(block + 124, 12, "%011o", size);
	memset(block + 148, ' ', 8);
	block[156] = type;
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK_BYTES; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
}

/* libarchive 3.6 reads the time -1.25 of a pax header as -1 and 250 million nanoseconds,
 * which is -0.75; whether this one does, it tells by itself. */
static int has_fractions_upward(void)
{
	static const char time[] = "15 mtime=-1.25\n";
	char tar[5 * BLOCK_BYTES] = {0};
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int upward = 0;

	put_header(tar, "x", 'x', sizeof(time) - 1);
	memcpy(tar + BLOCK_BYTES, time, sizeof(time) - 1);
	put_header(tar + 2 * BLOCK_BYTES, "x", '0', 0);
	if (a && archive_read_support_format_tar(a) == ARCHIVE_OK &&
		archive_read_open_memory(a, tar, sizeof(tar)) == ARCHIVE_OK &&
		archive_read_next_header(a, &e) == ARCHIVE_OK)
		upward = archive_entry_mtime(e) == -1 &&
			 archive_entry_mtime_nsec(e) == 250000000;
	archive_read_free(a);
	return upward;
}

/* Only tar files have times before 1970 that are not whole seconds. They are so few that
 * libarchive can be asked for each. */
static void keep_time(struct node *n, struct archive_entry *e)
{
	long ns = archive_entry_mtime_nsec(e);

	if (!archive_entry_mtime_is_set(e))
		return;
	n->mtime = archive_entry_mtime(e);
	n->mtime_ns = ns > 0 && ns < SECOND_NS ? (uint32_t)ns : 0;
	if (n->mtime < 0 && n->mtime_ns > 0 && n->mtime > INT64_MIN &&
		has_fractions_upward()) {
		n->mtime--;
		n->mtime_ns = (uint32_t)(SECOND_NS - ns);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int is_in(const struct gathered *g, const char *name)
{
	for (size_t i = 0; i < g->count; i++) {
		if (strcmp(g->list[i].name, name) == 0)
			return 1;
	}
	return 0;
}

/* Lists may stand in an archive as attributes and in words: the words count. */
static const char *gather_acls(struct gathered *g, struct archive_entry *e)
{
	static const int types[ACLS] = {
		ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT};
	const char *why = NULL;

	if (archive_entry_acl_types(e) & ARCHIVE_ENTRY_ACL_TYPE_NFS4)
		return "an access control list of NFSv4, which ext4 has not";
	for (size_t i = 0; i < ACLS && !why; i++)
		if (archive_acl_read(e, types[i], g->arena, &g->list[g->count], &why) > 0)
			g->count++;
	return why;
}

/* An archive may hold each twice, in two notations. Without `all`, only those that users
 * may set. */
static void gather_xattrs(struct gathered *g, struct archive_entry *e, int all)
{
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
		if (is_in(g, name) || (!all && strncmp(name, "user.", 5) != 0))
			continue;
		g->list[g->count++] = (struct xattr){
			.name = arena_strdup(g->arena, name),
			.value = arena_memdup(g->arena, value, size),
			.size = size,
		};
	}
}

/* The item's attributes and the member's own. */
static const char *keep_xattrs(
	struct tree *t, struct node *n, const struct item *item, struct archive_entry *e)
{
	int all = (item->keep & KEEP_XATTRS) != 0;
	const struct xattrs *own = item->xattrs;
	size_t room = own ? own->count : 0;
	struct gathered g = {.arena = &t->arena, .count = room};
	const char *why = NULL;
	struct xattrs *found;

	n->xattrs = own;
	room += (size_t)archive_entry_xattr_reset(e) + (all ? ACLS : 0);
	if (room == g.count ||
		(archive_entry_xattr_count(e) == 0 && archive_entry_acl_types(e) == 0))
		return NULL;
	g.list = arena_alloc(g.arena, room * sizeof(*g.list));
	if (own)
		memcpy(g.list, own->list, own->count * sizeof(*g.list));
	if (all)
		why = gather_acls(&g, e);
	gather_xattrs(&g, e, all);
	if (g.count == 0)
		return why;
	qsort(g.list, g.count, sizeof(*g.list), by_name);
	found = arena_alloc(g.arena, sizeof(*found));
	*found = (struct xattrs){.list = g.list, .count = g.count};
	n->xattrs = found;
	return why;
}

const char *archive_keep_rest(
	struct tree *t, struct node *n, const struct item *item, struct archive_entry *e)
{
	const char *why = NULL;

	if (item->keep & KEEP_OWNERS)
		why = keep_owner(n, e);
	if (item->keep & KEEP_TIMES)
		keep_time(n, e);
	if (!why && (n->type == NODE_FILE || (item->keep & KEEP_XATTRS)))
		why = keep_xattrs(t, n, item, e);
	return why;
}
