/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive_acl.h"

#include <archive.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 2
#define NO_ID UINT32_MAX

/* Entries stand in the order of their tags, then of their ids. */
enum tag {
	USER_OBJECT = 1,
	USER = 2,
	GROUP_OBJECT = 4,
	GROUP = 8,
	MASK = 16,
	OTHER = 32
};

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id;
};

static uint16_t tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return USER_OBJECT;
	case ARCHIVE_ENTRY_ACL_USER:
		return USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return GROUP_OBJECT;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return OTHER;
	default:
		return 0;
	}
}

static uint16_t permissions_of(int set)
{
	return (uint16_t)((set & ARCHIVE_ENTRY_ACL_READ ? 4 : 0) |
			  (set & ARCHIVE_ENTRY_ACL_WRITE ? 2 : 0) |
			  (set & ARCHIVE_ENTRY_ACL_EXECUTE ? 1 : 0));
}

static int by_tag(const void *a, const void *b)
{
	const struct acl_entry *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Names mean other numbers on every machine, so that only numbers are taken. */
static const char *take(
	struct acl_entry *to, int tag, int set, int id, const char *name, struct arena *a)
{
	*to = (struct acl_entry){tag_of(tag), permissions_of(set), NO_ID};
	if (!to->tag)
		return "an access control list with an unknown kind of entry";
	if (to->tag != USER && to->tag != GROUP)
		return NULL;
	to->id = (uint32_t)id;
	if (id >= 0)
		return NULL;
	return arena_printf(a,
		"an access control list that names %s %s without a number "
		"(tar --numeric-owner writes numbers)",
		to->tag == USER ? "the user" : "the group", name ? name : "");
}

/* What the kernel asks of a list. */
static int is_sound(const struct acl_entry *list, size_t count)
{
	unsigned seen = 0;

	for (size_t i = 0; i < count; i++) {
		if (i > 0 && by_tag(&list[i - 1], &list[i]) == 0)
			return 0;
		seen |= list[i].tag;
	}
	return (seen & USER_OBJECT) && (seen & GROUP_OBJECT) && (seen & OTHER) &&
	       ((seen & MASK) || !(seen & (USER | GROUP)));
}

static void put_value(
	struct xattr *x, struct arena *a, const struct acl_entry *list, size_t count)
{
	uint32_t version = htole32(VERSION);
	char *p;

	x->size = sizeof(version) + count * sizeof(*list);
	x->value = p = arena_alloc(a, x->size);
	memcpy(p, &version, sizeof(version));
	p += sizeof(version);
	for (size_t i = 0; i < count; i++, p += sizeof(*list)) {
		struct acl_entry raw = {htole16(list[i].tag),
			htole16(list[i].permissions), htole32(list[i].id)};

		memcpy(p, &raw, sizeof(raw));
	}
}

int archive_acl_read(struct archive_entry *e, int type, struct arena *a, struct xattr *x,
	const char **why)
{
	size_t room = (size_t)archive_entry_acl_reset(e, type), count = 0;
	struct acl_entry *list = memory_alloc((room + 1) * sizeof(*list));
	int found_type, set, tag, id;
	const char *name;

	*why = NULL;
	while (!*why && count < room &&
		archive_entry_acl_next(e, type, &found_type, &set, &tag, &id, &name) ==
			ARCHIVE_OK)
		*why = take(&list[count++], tag, set, id, name, a);
	qsort(list, count, sizeof(*list), by_tag);
	if (!*why && count && !is_sound(list, count))
		*why = "an access control list that is not sound";
	if (!*why && count) {
		x->name = type == ARCHIVE_ENTRY_ACL_TYPE_ACCESS
				  ? "system.posix_acl_access"
				  : "system.posix_acl_default";
		put_value(x, a, list, count);
	}
	free(list);
	return *why ? -1 : count > 0;
}

mode_t archive_acl_mode(struct archive_entry *e)
{
	const int type = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
	mode_t mode = archive_entry_perm(e);
	int found_type, set, tag, id;
	const char *name;

	archive_entry_acl_reset(e, type);
	while (archive_entry_acl_next(e, type, &found_type, &set, &tag, &id, &name) ==
		ARCHIVE_OK)
		if (tag == ARCHIVE_ENTRY_ACL_MASK)
			mode = (mode & ~(mode_t)070) | (mode_t)(permissions_of(set) << 3);
	return mode;
}
