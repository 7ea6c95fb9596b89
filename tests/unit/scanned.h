/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scanned: for unit tests: items of a scratch folder -> a tree, as lines. */
#ifndef TESTS_UNIT_SCANNED_H
#define TESTS_UNIT_SCANNED_H

#include "scratch.h"

#include <sys/sysmacros.h>

#include "compiler/scan.h"

/* Fills the tree, whose tree_clear() is due in any case. */
static inline int scanned_tree(const struct scratch *s, struct tree *t,
	const struct item *list, size_t count, struct diag *d)
{
	struct scan_options o = {.folder = s->path};
	struct items items = {.list = list, .count = count};
	int rc;

	tree_init(t, 0);
	rc = scan_items(t, "app", &items, &o, d);
	tree_finish(t);
	return rc;
}

static inline void scanned_add_details(const struct node *n, struct buffer *b)
{
	if (n->uid || n->gid)
		buffer_printf(b, " %u:%u", n->uid, n->gid);
	if (n->mtime || n->mtime_ns)
		buffer_printf(b, " @%lld.%09u", (long long)n->mtime, n->mtime_ns);
	for (size_t i = 0; n->xattrs && i < n->xattrs->count; i++)
		buffer_printf(b, " %s", n->xattrs->list[i].name);
}

/* "f0644 app/x 12 0:0 @1.5 user.a": kind, mode, path, size or target, and what is not 0
 * or none. */
static inline int scanned_add_line(struct node *n, void *context)
{
	static const char kinds[] = {
		[NODE_FOLDER] = 'd',
		[NODE_FILE] = 'f',
		[NODE_SYMLINK] = 'l',
		[NODE_HARDLINK] = '=',
		[NODE_FIFO] = 'p',
		[NODE_SOCKET] = 's',
		[NODE_CHARACTER] = 'c',
		[NODE_BLOCK] = 'b',
	};
	struct buffer *b = context;
	struct arena a = {0};

	buffer_printf(
		b, "%c%04o %s", kinds[n->type], (unsigned)n->mode, tree_path(n, &a));
	if (n->type == NODE_SYMLINK)
		buffer_printf(b, " -> %s", n->target);
	if (n->type == NODE_HARDLINK)
		buffer_printf(b, " = %s", tree_path(n->primary, &a));
	if (n->type == NODE_FILE)
		buffer_printf(b, " %llu", (unsigned long long)n->size);
	if (n->type == NODE_CHARACTER || n->type == NODE_BLOCK)
		buffer_printf(b, " %u,%u", major(n->device), minor(n->device));
	scanned_add_details(n, b);
	buffer_add_text(b, "\n");
	arena_clear(&a);
	return 0;
}

static inline void scanned_expect_tree(struct tree *t, const char *text)
{
	struct buffer b = {0};

	buffer_add(&b, "", 0);
	tree_walk(t, scanned_add_line, &b);
	assert_string_equal(b.bytes, text);
	buffer_clear(&b);
}

/* Scans the items and expects these lines. */
static inline void scanned_expect(
	const struct scratch *s, const struct item *list, size_t count, const char *text)
{
	struct tree t;
	struct diag d = {0};
	int rc = scanned_tree(s, &t, list, count, &d);

	scratch_expect_none(&d);
	assert_int_equal(rc, 0);
	scanned_expect_tree(&t, text);
	tree_clear(&t);
}

#endif
