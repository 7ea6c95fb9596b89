/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_input.h"
#include "archive_keep.h"
#include "archive_spool.h"
#include "common/file.h"
#include "place.h"

#define EMPTY_MAX_BYTES 10240 /* what tar writes where there is nothing to keep */
#define MAJOR_MAX 0xfff	      /* Linux's device numbers have 32 bits */
#define MINOR_MAX 0xfffff

struct import {
	struct tree *tree;
	const char *top, *name;
	const struct item *item;
	int keep_special_modes;
	uint64_t limit; /* contents of larger files are left out */
	struct archive_input input;
	struct archive *archive; /* its members */
	int has_no_place;	 /* contents cannot be kept on this host */
	struct arena scratch;
	struct diag *diag;
};

static int fail(struct import *m, const char *member, const char *what)
{
	if (member)
		return place_fail(
			m->diag, &m->item->place, "%s: %s: %s", m->name, member, what);
	return place_fail(m->diag, &m->item->place, "%s: %s", m->name, what);
}

static int fail_archive(struct import *m, const char *member)
{
	return fail(m, member, archive_input_error(&m->input));
}

static int open_archive(struct import *m, int fd)
{
	if (archive_input_open(&m->input, fd) < 0)
		return fail_archive(m, NULL);
	m->archive = m->input.members;
	return 0;
}

/* The member's path below top: "" for its top, NULL where strip leaves nothing; -1 in
 * *bad where it would lead out. */
static const char *clean_path(struct import *m, const char *member, int *bad)
{
	char *out = arena_alloc(&m->scratch, strlen(member) + 1);
	unsigned strip = m->item->strip;
	size_t n = 0, parts = 0;

	*bad = *member == '/';
	for (const char *p = member; *p && !*bad;) {
		size_t size = strcspn(p, "/");

		if (size == 2 && strncmp(p, "..", 2) == 0)
			*bad = 1;
		else if (size && !(size == 1 && *p == '.') && parts++ >= strip) {
			if (n)
				out[n++] = '/';
			memcpy(out + n, p, size);
			n += size;
		}
		p += size + (p[size] == '/');
	}
	if (*bad)
		return NULL;
	return parts < strip || (parts == strip && strip) ? NULL : out;
}

static const char *tree_path_of(struct import *m, const char *clean)
{
	if (!*m->top || !*clean)
		return *clean ? clean : m->top;
	return arena_printf(&m->scratch, "%s/%s", m->top, clean);
}

/* As tar does, a later member takes the name of an earlier one, but not a folder's. */
static struct node *place_node(
	struct import *m, const char *path, enum node_type type, mode_t mode)
{
	struct node *n = tree_find(m->tree, path);

	if (n && n->item == m->item && n->type != NODE_FOLDER && type != NODE_FOLDER)
		return tree_reset(m->tree, n, type, mode);
	n = tree_add(m->tree, path, type, mode, &m->item->place, m->diag);
	if (n)
		n->item = m->item;
	return n;
}

/* What the member is beside its name and contents. */
static int keep(
	struct import *m, struct node *n, const char *member, struct archive_entry *e)
{
	const char *why = archive_keep_rest(m->tree, n, m->item, e);

	return why ? fail(m, member, why) : 0;
}

static int add_file(
	struct import *m, const char *path, const char *member, struct archive_entry *e)
{
	mode_t mode = archive_keep_mode(m->item, e, m->keep_special_modes);
	uint64_t size =
		archive_entry_size_is_set(e) ? (uint64_t)archive_entry_size(e) : 0;
	uint64_t start = 0;
	struct node *n = place_node(m, path, NODE_FILE, mode);
	int rc = 0;

	if (!n)
		return -1;
	if (size <= m->limit)
		rc = archive_spool_add(
			m->tree, m->archive, m->name, &start, &size, m->diag);
	if (rc > 0)
		return fail_archive(m, member);
	if (rc < 0) {
		m->has_no_place = 1;
		return -1;
	}
	n->size = size;
	n->source_kind = SOURCE_SPOOL;
	n->offset = start;
	return keep(m, n, member, e);
}

/* Another name of a link, device or pipe: one more of the same. */
static int add_copy(struct import *m, const char *path, const struct node *to)
{
	struct node *n = place_node(m, path, (enum node_type)to->type, to->mode);

	if (!n)
		return -1;
	tree_copy_special(n, to);
	return 0;
}

static int add_hardlink(
	struct import *m, const char *path, const char *member, const char *target)
{
	const char *clean;
	struct node *to, *n;
	int bad;

	clean = clean_path(m, target, &bad);
	to = clean ? tree_find(m->tree, tree_path_of(m, clean)) : NULL;
	if (!to || to->item != m->item || to->type == NODE_FOLDER)
		return fail(m, member,
			arena_printf(&m->scratch,
				"a hard link to %s, which is no earlier file in it",
				target));
	if (to == tree_find(m->tree, path))
		return 0;
	if (to->type != NODE_FILE && to->type != NODE_HARDLINK)
		return add_copy(m, path, to);
	n = place_node(m, path, NODE_HARDLINK, to->mode);
	if (!n)
		return -1;
	tree_link(n, to);
	return 0;
}

static int add_symlink(
	struct import *m, const char *path, const char *member, struct archive_entry *e)
{
	const char *target = archive_entry_symlink(e);
	struct node *n;

	if (!target || !*target || strlen(target) > TREE_PATH_MAX)
		return fail(m, member, "a symbolic link without a usable target");
	n = place_node(m, path, NODE_SYMLINK, 0777);
	if (!n)
		return -1;
	n->target = arena_strdup(&m->tree->arena, target);
	return keep(m, n, member, e);
}

static int add_special(struct import *m, const char *path, const char *member,
	struct archive_entry *e, enum node_type type)
{
	int is_device = type == NODE_CHARACTER || type == NODE_BLOCK;
	struct node *n;

	if (!(m->item->keep & KEEP_DEVICES))
		return fail(m, member,
			"expected files, folders and links, found a device or pipe");
	if (is_device && (archive_entry_rdevmajor(e) > MAJOR_MAX ||
				 archive_entry_rdevminor(e) > MINOR_MAX))
		return fail(m, member, "a device of a number that Linux has not");
	n = place_node(
		m, path, type, archive_keep_mode(m->item, e, m->keep_special_modes));
	if (!n)
		return -1;
	n->device = is_device ? archive_entry_rdev(e) : 0;
	return keep(m, n, member, e);
}

/* What the recipe says of a folder counts, else the last source that has it. */
static int add_folder(
	struct import *m, const char *path, const char *member, struct archive_entry *e)
{
	struct node *n = tree_find(m->tree, path);

	if (n && n->type == NODE_FOLDER && n->item && n->item->kind == ITEM_FOLDER)
		return 0;
	n = place_node(m, path, NODE_FOLDER,
		archive_keep_mode(m->item, e, m->keep_special_modes));
	return n ? keep(m, n, member, e) : -1;
}

/* The folder that all members go to, whether the archive has it or not. */
static int add_top(struct import *m)
{
	const struct node *n = tree_find(m->tree, m->top);

	if (n && n->type == NODE_FOLDER && !n->implied)
		return 0;
	return place_node(m, m->top, NODE_FOLDER, 0755) ? 0 : -1;
}

/* libarchive goes on without a list that it cannot read. */
static int lost_acl(struct import *m)
{
	static const char parse_error[] = "Parse error:";
	const char *text = archive_error_string(m->archive);

	return (m->item->keep & KEEP_XATTRS) && text &&
	       strncmp(text, parse_error, sizeof(parse_error) - 1) == 0;
}

static int add_member(struct import *m, struct archive_entry *e)
{
	const char *member = archive_entry_pathname(e), *clean, *path;
	const char *hardlink = archive_entry_hardlink(e);
	int bad;

	if (!member)
		return fail(m, NULL, "a member whose name cannot be read");
	clean = clean_path(m, member, &bad);
	if (bad)
		return fail(m, member, "expected a path inside the archive's folder");
	if (!clean)
		return 0;
	if (lost_acl(m))
		return fail(m, member, "an access control list that cannot be read");
	path = tree_path_of(m, clean);
	if (hardlink)
		return add_hardlink(m, path, member, hardlink);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return add_file(m, path, member, e);
	case AE_IFDIR:
		return add_folder(m, path, member, e);
	case AE_IFLNK:
		return add_symlink(m, path, member, e);
	case AE_IFIFO:
		return add_special(m, path, member, e, NODE_FIFO);
	case AE_IFCHR:
		return add_special(m, path, member, e, NODE_CHARACTER);
	case AE_IFBLK:
		return add_special(m, path, member, e, NODE_BLOCK);
	default:
		return fail(m, member, "a member of an unknown kind");
	}
}

/* To libarchive zeros are the end of a tar file, whatever follows: the first block of a
 * disk, or of a file that was never filled. An archive of nothing is small, and if it
 * begins with zeros it has nothing else. */
static int check_empty(struct import *m, int fd)
{
	char bytes[EMPTY_MAX_BYTES + 1];
	la_ssize_t n = archive_input_peek(fd, bytes, sizeof(bytes));

	if (n >= 0 && n <= EMPTY_MAX_BYTES &&
		(n == 0 || bytes[0] || memory_is_zero(bytes, (size_t)n)))
		return 0;
	return fail(m, NULL,
		"expected an archive, found no file in it (is it a disk image? `wuc get` "
		"copies files out of one, disk \"…\" makes a base of one)");
}

static int add_members(struct import *m, int fd)
{
	struct archive_entry *e;
	int rc, failed = 0;

	/* A warning is a header field that the C locale cannot show, kept as bytes. */
	while ((rc = archive_read_next_header(m->archive, &e)) == ARCHIVE_OK ||
		rc == ARCHIVE_WARN) {
		size_t before = m->diag->count;

		if (add_member(m, e) < 0)
			failed = -1;
		arena_clear(&m->scratch);
		/* One line for a damaged archive, or a host without room. */
		if (m->has_no_place ||
			(m->diag->count > before && archive_errno(m->archive) != 0))
			return -1;
	}
	if (rc != ARCHIVE_EOF)
		return fail_archive(m, NULL);
	if (failed < 0 || (archive_file_count(m->archive) == 0 && check_empty(m, fd) < 0))
		return -1;
	return archive_input_finish(&m->input) < 0 ? fail_archive(m, NULL) : 0;
}

static int same_file(const struct stat *x, const struct stat *y)
{
	return x->st_size == y->st_size && x->st_mtim.tv_sec == y->st_mtim.tv_sec &&
	       x->st_mtim.tv_nsec == y->st_mtim.tv_nsec &&
	       x->st_ctim.tv_sec == y->st_ctim.tv_sec &&
	       x->st_ctim.tv_nsec == y->st_ctim.tv_nsec;
}

static int import_from(struct import *m, int fd)
{
	struct stat before, after;

	if (fstat(fd, &before) < 0)
		return fail(m, NULL, strerror(errno));
	if (add_top(m) < 0 || open_archive(m, fd) < 0 || add_members(m, fd) < 0)
		return -1;
	if (fstat(fd, &after) < 0 || !same_file(&before, &after))
		return fail(m, NULL, "changed while it was read");
	return 0;
}

/* libarchive turns names into the locale's character set. In the C locale a tar file's
 * stay the bytes that they are. A zip file's UTF-8 would be lost there: it gets a locale
 * of UTF-8, in which libarchive composes accents, always in the same way. */
static locale_t pin_locale(int fd)
{
	char magic[2];
	int zip = fd >= 0 && pread(fd, magic, 2, 0) == 2 && memcmp(magic, "PK", 2) == 0;
	locale_t l = zip ? newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0) : (locale_t)0;

	return l ? l : newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static int import(struct import *m, const char *path)
{
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	locale_t pinned = pin_locale(fd);
	locale_t before = uselocale(pinned);
	int rc = fd < 0 ? fail(m, NULL, strerror(errno)) : import_from(m, fd);

	archive_input_close(&m->input);
	arena_clear(&m->scratch);
	uselocale(before);
	freelocale(pinned);
	return rc;
}

int archive_add(struct tree *t, const char *top, const char *path, const char *name,
	const struct item *item, int keep_special_modes, struct diag *d)
{
	struct import m = {
		.tree = t,
		.top = top,
		.name = name,
		.item = item,
		.keep_special_modes = keep_special_modes,
		.limit = UINT64_MAX,
		.diag = d,
	};

	return import(&m, path);
}

int archive_add_small(struct tree *t, const char *top, const char *path, const char *name,
	const struct item *item, uint64_t limit_bytes, struct diag *d)
{
	struct import m = {
		.tree = t,
		.top = top,
		.name = name,
		.item = item,
		.limit = limit_bytes,
		.diag = d,
	};

	return import(&m, path);
}
