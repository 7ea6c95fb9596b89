/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/sysmacros.h>

#include "tree.h"

#define PIECE_BYTES 16384

/* What is written as it is. */
static const unsigned char plain[256] = {
	['a' ... 'z'] = 1,
	['A' ... 'Z'] = 1,
	['0' ... '9'] = 1,
	['.'] = 1,
	['/'] = 1,
	['_'] = 1,
	['-'] = 1,
	['+'] = 1,
	[','] = 1,
	[':'] = 1,
	['@'] = 1,
	['%'] = 1,
	['^'] = 1,
	['~'] = 1,
};

/* There may be millions of lines: printf() would take most of the time. */
static void add_number(struct buffer *b, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buffer_add(b, digits + at, sizeof(digits) - at);
}

static void add_octal(struct buffer *b, unsigned number, size_t width)
{
	char digits[4];

	for (size_t i = width; i-- > 0; number >>= 3)
		digits[i] = (char)('0' + (number & 7));
	buffer_add(b, digits, width);
}

/* As vis(3) with VIS_OCTAL: what a reader could take for syntax, or a terminal for a
 * command, becomes \ooo. */
static void add_escaped(struct buffer *b, const char *text)
{
	while (*text) {
		size_t size = 0;

		while (plain[(unsigned char)text[size]])
			size++;
		buffer_add(b, text, size);
		text += size;
		if (*text) {
			buffer_add(b, "\\", 1);
			add_octal(b, (unsigned char)*text++, 3);
		}
	}
}

static void add_xattrs(struct buffer *b, const struct node *n)
{
	for (size_t i = 0; n->xattrs && i < n->xattrs->count; i++) {
		const struct xattr *x = &n->xattrs->list[i];
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
static void add_links(struct buffer *b, struct node *file, uint32_t *groups)
{
	if (file->link_count < 2)
		return;
	if (!file->mark)
		file->mark = ++*groups;
	buffer_add_text(b, " nlink=");
	add_number(b, file->link_count);
	buffer_add_text(b, " inode=");
	add_number(b, file->mark);
}

static void add_to_buffer(void *context, const char *text, size_t size)
{
	buffer_add(context, text, size);
}

struct listing {
	struct buffer text; /* lines to be given away */
	struct buffer path; /* of the node at work, escaped */
	uint32_t groups;
	int contents;
	void (*add)(void *context, const char *text, size_t size);
	void *context;
};

static void give(struct listing *l)
{
	l->add(l->context, l->text.bytes, l->text.size);
	l->text.size = 0;
}

static void add_file(struct listing *l, struct node *file)
{
	struct buffer *b = &l->text;
	char hex[DIGEST_HEX];

	buffer_add_text(b, " type=file mode=");
	add_octal(b, file->mode, 4);
	buffer_add_text(b, " size=");
	add_number(b, file->size);
	if (l->contents) {
		digest_to_hex(file->sha256, hex);
		buffer_add_text(b, " sha256digest=");
		buffer_add(b, hex, DIGEST_HEX - 1);
	}
	add_links(b, file, &l->groups);
}

static void add_other(struct buffer *b, const struct node *n)
{
	static const char *const names[] = {
		[NODE_FOLDER] = "dir",
		[NODE_SYMLINK] = "link",
		[NODE_FIFO] = "fifo",
		[NODE_SOCKET] = "socket",
		[NODE_CHARACTER] = "char",
		[NODE_BLOCK] = "block",
	};

	buffer_printf(b, " type=%s mode=%04o", names[n->type],
		n->type == NODE_SYMLINK ? 0777 : (unsigned)n->mode);
	if (n->type == NODE_SYMLINK) {
		buffer_add_text(b, " link=");
		add_escaped(b, n->target);
	}
	if (n->type == NODE_CHARACTER || n->type == NODE_BLOCK)
		buffer_printf(
			b, " device=linux,%u,%u", major(n->device), minor(n->device));
}

static void add_time(struct buffer *b, int64_t seconds, uint32_t ns)
{
	buffer_add_text(b, seconds < 0 ? " time=-" : " time=");
	add_number(b, seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds);
	buffer_add_text(b, ".");
	add_number(b, ns);
	buffer_add_text(b, "\n");
}

static void add_node(struct listing *l, struct node *n)
{
	struct node *what = n->type == NODE_HARDLINK ? n->primary : n;
	struct buffer *b = &l->text;

	buffer_add(b, l->path.bytes, l->path.size);
	if (what->type == NODE_FILE)
		add_file(l, what);
	else
		add_other(b, what);
	if (what->uid)
		buffer_printf(b, " uid=%u", what->uid);
	if (what->gid)
		buffer_printf(b, " gid=%u", what->gid);
	/* After the point stand nanoseconds, as mtree(8) of BSD has it. */
	add_time(b, what->mtime, what->mtime_ns);
	add_xattrs(b, what);
	if (b->size >= PIECE_BYTES)
		give(l);
}

static void clear_marks(struct node *folder)
{
	for (size_t i = 0; i < folder->folder->count; i++) {
		struct node *n = folder->folder->list[i];

		n->mark = 0;
		if (n->type == NODE_FOLDER)
			clear_marks(n);
	}
}

static void list_below(struct listing *l, struct node *folder)
{
	size_t above = l->path.size;

	for (size_t i = 0; i < folder->folder->count; i++) {
		struct node *n = folder->folder->list[i];

		buffer_add(&l->path, "/", 1);
		add_escaped(&l->path, n->name);
		add_node(l, n);
		if (n->type == NODE_FOLDER)
			list_below(l, n);
		l->path.size = above;
	}
}

void tree_list(struct tree *t, int contents,
	void (*add)(void *context, const char *text, size_t size), void *context)
{
	static const char head[] = "#mtree\n/set uid=0 gid=0\n";
	struct listing l = {.contents = contents, .add = add, .context = context};

	clear_marks(t->root);
	buffer_add(&l.text, head, sizeof(head) - 1);
	buffer_add_text(&l.path, ".");
	add_node(&l, t->root);
	list_below(&l, t->root);
	give(&l);
	buffer_clear(&l.text);
	buffer_clear(&l.path);
}

void tree_list_text(struct tree *t, struct buffer *b)
{
	tree_list(t, 1, add_to_buffer, b);
}
