/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "tree.h"

/* As vis(3) with VIS_OCTAL: what a reader could take for syntax, or a terminal for a
 * command, becomes \ooo. */
static void add_escaped(struct buffer *b, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789./_-+,:@%^~";

	for (; *text; text++) {
		if (strchr(plain, *text))
			buffer_add(b, text, 1);
		else
			buffer_printf(b, "\\%03o", (unsigned char)*text);
	}
}

static void add_path(struct buffer *b, const struct node *n)
{
	if (!n->parent) {
		buffer_add_text(b, ".");
		return;
	}
	add_path(b, n->parent);
	buffer_add_text(b, "/");
	add_escaped(b, n->name);
}

static void add_xattrs(struct buffer *b, const struct node *n)
{
	for (size_t i = 0; i < n->xattr_count; i++) {
		const struct xattr *x = &n->xattrs[i];
		const unsigned char *value = x->value;

		buffer_add_text(b, "# xattr ");
		add_escaped(b, x->name);
		buffer_add_text(b, "=");
		for (size_t j = 0; j < x->size; j++)
			buffer_printf(b, "%02x", value[j]);
		buffer_add_text(b, "\n");
	}
}

/* Files with several names are numbered in the order in which their first name comes. */
static void add_links(struct buffer *b, struct node *file, uint64_t *groups)
{
	if (file->link_count < 2)
		return;
	if (!file->mark)
		file->mark = ++*groups;
	buffer_printf(b, " nlink=%u inode=%llu", file->link_count,
		(unsigned long long)file->mark);
}

static void add_node(struct buffer *b, struct node *n, uint64_t *groups)
{
	struct node *file = n->type == NODE_HARDLINK ? n->primary : n;

	add_path(b, n);
	switch (n->type) {
	case NODE_FOLDER:
		buffer_printf(b, " type=dir mode=%04o", (unsigned)n->mode);
		break;
	case NODE_SYMLINK:
		buffer_add_text(b, " type=link mode=0777 link=");
		add_escaped(b, n->target);
		break;
	case NODE_FILE:
	case NODE_HARDLINK:
		buffer_printf(b, " type=file mode=%04o size=%llu sha256digest=%s",
			(unsigned)file->mode, (unsigned long long)file->size,
			file->sha256);
		add_links(b, file, groups);
		break;
	}
	buffer_printf(b, " time=%lld.0\n", (long long)n->mtime);
	add_xattrs(b, n);
}

struct listing {
	struct buffer *b;
	uint64_t groups;
};

static void clear_marks(struct node *folder)
{
	for (size_t i = 0; i < folder->child_count; i++) {
		folder->children[i]->mark = 0;
		clear_marks(folder->children[i]);
	}
}

static void list_below(struct buffer *b, struct node *folder, uint64_t *groups)
{
	for (size_t i = 0; i < folder->child_count; i++) {
		add_node(b, folder->children[i], groups);
		list_below(b, folder->children[i], groups);
	}
}

void tree_list(const struct tree *t, struct buffer *b)
{
	uint64_t groups = 0;

	clear_marks(t->root);
	buffer_add_text(b, "#mtree\n/set uid=0 gid=0\n");
	add_node(b, t->root, &groups);
	list_below(b, t->root, &groups);
}
