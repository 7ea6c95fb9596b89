/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci_layers.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>

#include "archive_keep.h"
#include "archive_spool.h"
#include "oci_stream.h"
#include "overlay.h"
#include "place.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define MAJOR_MAX 0xfff /* Linux's device numbers have 32 bits */
#define MINOR_MAX 0xfffff

/* One layer as it goes onto the tree. Nodes that it brings, and the folders above them,
 * have its number as their mark: its whiteouts do not hide them. Folders that it has
 * emptied of all else have it as at.block. */
struct layering {
	struct oci_layers *layers;
	const struct oci_layer *layer;
	uint32_t number;
	struct tree *tree;
	const struct item *item;
	struct oci_stream stream;
	struct arena scratch;
	struct diag *diag;
};

static int fail(struct layering *l, const char *member, const char *what)
{
	return oci_fail(&l->layers->blobs, l->diag, "layer %u (%s): %s%s%s", l->number,
		l->layer->path, member ? member : "", member ? ": " : "", what);
}

/* The path inside the root, without ".", ".." and empty parts; NULL where it leads out.
 */
static char *clean_path(struct layering *l, const char *path)
{
	char *out = arena_alloc(&l->scratch, strlen(path) + 1);
	size_t n = 0;

	while (*path) {
		size_t size = strcspn(path, "/");

		if (size == 2 && strncmp(path, "..", 2) == 0) {
			if (n == 0)
				return NULL;
			while (n > 0 && out[--n] != '/')
				;
		} else if (size && !(size == 1 && *path == '.')) {
			if (n)
				out[n++] = '/';
			memcpy(out + n, path, size);
			n += size;
		}
		out[n] = '\0';
		path += size + (path[size] == '/');
	}
	return out;
}

/* Cuts a clean path in two and gives its last part. */
static const char *split(char *path, const char **folder)
{
	char *slash = strrchr(path, '/');

	*folder = slash ? path : "";
	if (!slash)
		return path;
	*slash = '\0';
	return slash + 1;
}

static void touch(const struct layering *l, struct node *n)
{
	for (; n && n->mark != l->number; n = n->parent)
		n->mark = l->number;
}

static void hide(struct layering *l, struct node *n);

/* Once a layer: what comes later is the layer's own, and what is removed would be looked
 * at each time. */
static void hide_below(struct layering *l, struct node *folder)
{
	if (folder->at.block == l->number)
		return;
	folder->at.block = l->number;
	for (size_t i = folder->folder->count; i-- > 0;)
		hide(l, folder->folder->list[i]);
}

/* Removes what earlier layers brought, here and below; from a folder that this layer has
 * touched only what it holds. */
static void hide(struct layering *l, struct node *n)
{
	if (n->mark != l->number) {
		tree_remove(l->tree, n);
		return;
	}
	if (n->type == NODE_FOLDER)
		hide_below(l, n);
}

/* A whiteout of what is not there is none. */
static int apply_whiteout(
	struct layering *l, const char *member, const char *folder, const char *name)
{
	const char *why, *hidden = name + strlen(WHITEOUT);
	struct node *n = tree_reach(l->tree, l->tree->root, folder, 0, NULL, &why);

	if (strcmp(name, OPAQUE) == 0) {
		if (n)
			hide_below(l, n);
		return 0;
	}
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return fail(l, member, "a whiteout without a name");
	if (n)
		n = tree_find_child(l->tree, n, hidden, strlen(hidden));
	if (n)
		hide(l, n);
	return 0;
}

/* Takes away what stands at a name, but not a folder where there shall be one. */
static void clear_name(
	struct layering *l, struct node *folder, const char *name, enum node_type type)
{
	struct node *n = tree_find_child(l->tree, folder, name, strlen(name));

	if (n && (n->type != NODE_FOLDER || type != NODE_FOLDER))
		tree_remove(l->tree, n);
}

static struct node *place_node(struct layering *l, struct node *folder, const char *name,
	enum node_type type, mode_t mode)
{
	struct node *n;

	clear_name(l, folder, name, type);
	n = tree_add_child(l->tree, folder, name, type, mode, &l->item->place, l->diag);
	if (!n)
		return NULL;
	n->item = l->item;
	touch(l, n);
	return n;
}

/* Labels are the unpacking system's own. */
static int is_left_out(const char *xattr)
{
	return strcmp(xattr, "security.selinux") == 0 ||
	       strcmp(xattr, "system.nfs4_acl") == 0 || overlay_owns(xattr);
}

static int keep(
	struct layering *l, struct node *n, const char *member, struct archive_entry *e)
{
	const char *why;

	n->xattrs = NULL;
	why = archive_keep_rest(l->tree, n, l->item, e);
	tree_drop_xattrs(l->tree, n, is_left_out);
	return why ? fail(l, member, why) : 0;
}

static int add_file(struct layering *l, struct node *folder, const char *name,
	const char *member, struct archive_entry *e)
{
	uint64_t size =
		archive_entry_size_is_set(e) ? (uint64_t)archive_entry_size(e) : 0;
	struct node *n =
		place_node(l, folder, name, NODE_FILE, archive_keep_mode(l->item, e, 1));
	uint64_t start;
	int rc;

	if (!n)
		return -1;
	rc = archive_spool_add(l->tree, l->stream.members, l->layers->blobs.name, &start,
		&size, l->diag);
	if (rc != 0)
		return rc < 0 ? -1 : fail(l, member, oci_stream_error(&l->stream));
	n->size = size;
	n->source_kind = SOURCE_SPOOL;
	n->offset = start;
	return keep(l, n, member, e);
}

/* Another name of a link, device or pipe: one more of the same. */
static int add_copy(
	struct layering *l, struct node *folder, const char *name, const struct node *to)
{
	struct node *n = place_node(l, folder, name, (enum node_type)to->type, to->mode);

	if (!n)
		return -1;
	tree_copy_special(n, to);
	return 0;
}

/* Links on the way are followed, the last part is what it is. */
static struct node *find_target(struct layering *l, const char *target)
{
	char *path = clean_path(l, target);
	const char *above, *name = path && *path ? split(path, &above) : NULL, *why;
	struct node *folder =
		name ? tree_reach(l->tree, l->tree->root, above, 0, NULL, &why) : NULL;

	return folder ? tree_find_child(l->tree, folder, name, strlen(name)) : NULL;
}

static int add_hardlink(struct layering *l, struct node *folder, const char *name,
	const char *member, const char *target)
{
	struct node *to, *n;

	clear_name(l, folder, name, NODE_HARDLINK);
	to = find_target(l, target);
	if (!to || to->type == NODE_FOLDER)
		return fail(l, member,
			arena_printf(&l->scratch, "a hard link to %s, which is %s",
				target, to ? "a folder" : "not there"));
	if (to->type != NODE_FILE && to->type != NODE_HARDLINK)
		return add_copy(l, folder, name, to);
	n = place_node(l, folder, name, NODE_HARDLINK, to->mode);
	if (!n)
		return -1;
	tree_link(n, to);
	return 0;
}

static int add_symlink(struct layering *l, struct node *folder, const char *name,
	const char *member, struct archive_entry *e)
{
	const char *target = archive_entry_symlink(e);
	struct node *n;

	if (!target || !*target || strlen(target) > TREE_PATH_MAX)
		return fail(l, member, "a symbolic link without a usable target");
	n = place_node(l, folder, name, NODE_SYMLINK, 0777);
	if (!n)
		return -1;
	n->target = arena_strdup(&l->tree->arena, target);
	return keep(l, n, member, e);
}

static int add_other(struct layering *l, struct node *folder, const char *name,
	const char *member, struct archive_entry *e, enum node_type type)
{
	int is_device = type == NODE_CHARACTER || type == NODE_BLOCK;
	struct node *n;

	if (is_device && (archive_entry_rdevmajor(e) > MAJOR_MAX ||
				 archive_entry_rdevminor(e) > MINOR_MAX))
		return fail(l, member, "a device of a number that Linux has not");
	n = place_node(l, folder, name, type, archive_keep_mode(l->item, e, 1));
	if (!n)
		return -1;
	if (is_device)
		n->device = archive_entry_rdev(e);
	return keep(l, n, member, e);
}

static int add_named(struct layering *l, struct node *folder, const char *name,
	const char *member, struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return add_hardlink(l, folder, name, member, archive_entry_hardlink(e));
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return add_file(l, folder, name, member, e);
	case AE_IFLNK:
		return add_symlink(l, folder, name, member, e);
	case AE_IFDIR:
		return add_other(l, folder, name, member, e, NODE_FOLDER);
	case AE_IFIFO:
		return add_other(l, folder, name, member, e, NODE_FIFO);
	case AE_IFCHR:
		return add_other(l, folder, name, member, e, NODE_CHARACTER);
	case AE_IFBLK:
		return add_other(l, folder, name, member, e, NODE_BLOCK);
	default:
		return fail(l, member, "a member of an unknown kind");
	}
}

static int set_root(struct layering *l, const char *member, struct archive_entry *e)
{
	struct node *root = l->tree->root;

	if (archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFDIR)
		return fail(l, member, "expected a folder as the root");
	root->mode = archive_keep_mode(l->item, e, 1) & 07777;
	root->implied = 0;
	touch(l, root);
	return keep(l, root, member, e);
}

static int add_member(struct layering *l, struct archive_entry *e)
{
	const char *member = archive_entry_pathname(e), *above, *name, *why;
	char *path = member ? clean_path(l, member) : NULL;
	struct node *folder;

	if (!member)
		return fail(l, NULL, "a member whose name cannot be read");
	if (!path)
		return fail(l, member, "expected a path inside the image's root");
	if (strlen(path) > TREE_PATH_MAX)
		return fail(l, NULL, "a member whose path is too long");
	if (!*path)
		return set_root(l, member, e);
	name = split(path, &above);
	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0)
		return apply_whiteout(l, member, above, name);
	folder = tree_reach(l->tree, l->tree->root, above, 1, &l->item->place, &why);
	if (!folder)
		return fail(l, member, arena_printf(&l->scratch, "%s on the way", why));
	return add_named(l, folder, name, member, e);
}

static int add_members(struct layering *l)
{
	struct archive_entry *e;
	int rc;

	/* A warning is a header field that the C locale cannot show, kept as bytes. */
	while ((rc = archive_read_next_header(l->stream.members, &e)) == ARCHIVE_OK ||
		rc == ARCHIVE_WARN) {
		int added = add_member(l, e);

		arena_clear(&l->scratch);
		if (added < 0)
			return -1;
	}
	return rc == ARCHIVE_EOF ? 0 : fail(l, NULL, oci_stream_error(&l->stream));
}

static int fail_digest(
	struct layering *l, const char *what, const char *expected, const char *found)
{
	return fail(l, NULL,
		arena_printf(
			&l->scratch, "expected %s %s, found %s", what, expected, found));
}

/* A wrong digest is the one thing to say of a damaged layer, in `found`. */
static int check_digests(struct layering *l, int rc, struct diag *found)
{
	const struct oci_layer *layer = l->layer;
	const char *name = "the digest";

	if (oci_stream_finish(&l->stream) < 0 && rc == 0)
		rc = fail(l, NULL, oci_stream_error(&l->stream));
	l->diag = found;
	if (layer->of && strcmp(layer->of->digest, l->stream.packed_hex) != 0)
		return fail_digest(l, name, layer->of->digest, l->stream.packed_hex);
	if (rc == 0 && strcmp(layer->diff_id, l->stream.unpacked_hex) != 0)
		return fail_digest(l, layer->of ? "the unpacked digest" : name,
			layer->diff_id, l->stream.unpacked_hex);
	return rc;
}

static int read_layer(struct layering *l, const struct oci_blob *blob)
{
	struct diag *to = l->diag, inner = {0};
	size_t before = to->count;
	int rc;

	l->diag = &inner;
	rc = oci_stream_open(&l->stream, blob);
	if (rc < 0)
		fail(l, NULL, oci_stream_error(&l->stream));
	else
		rc = add_members(l);
	rc = check_digests(l, rc, to);
	oci_stream_close(&l->stream);
	l->diag = to;
	if (to->count == before)
		diag_move(to, &inner);
	diag_clear(&inner);
	arena_clear(&l->scratch);
	return rc;
}

static int add_layer(struct layering *l)
{
	const struct oci_blobs *b = &l->layers->blobs;
	struct oci_blob blob;
	int rc;

	if (l->layer->of) {
		rc = oci_blobs_open_blob(b, l->layer->of, &blob, l->diag);
	} else {
		rc = oci_blobs_find(b, l->layer->path, &blob, l->diag);
		if (rc == 0)
			rc = fail(l, NULL, "no such file in the image");
	}
	if (rc < 0)
		return -1;
	rc = read_layer(l, &blob);
	oci_blob_close(&blob);
	return rc;
}

static int clear_marks(struct node *n, void *context)
{
	(void)context;
	n->mark = 0;
	n->at.block = 0;
	return 0;
}

static const struct item *make_item(struct tree *t, const struct place *place)
{
	struct item *item = arena_alloc(&t->arena, sizeof(*item));

	*item = (struct item){
		.kind = ITEM_ARCHIVE,
		.mode = -1,
		.keep = KEEP_MODES | KEEP_OWNERS | KEEP_TIMES | KEEP_XATTRS |
			KEEP_DEVICES,
	};
	if (place)
		item->place = *place;
	return item;
}

static int add_all(struct layering *l)
{
	int rc = oci_blobs_complete(&l->layers->blobs, l->diag);

	for (size_t i = 0; i < l->layers->count && rc == 0; i++) {
		l->layer = &l->layers->list[i];
		l->number = (uint32_t)i + 1;
		rc = add_layer(l);
	}
	return rc;
}

int oci_layers_add(struct oci_layers *layers, struct tree *t, const struct place *place,
	struct diag *d)
{
	struct layering l = {
		.layers = layers, .tree = t, .item = make_item(t, place), .diag = d};
	/* Names are bytes: libarchive leaves them alone in the C locale. */
	locale_t pinned = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	locale_t before = uselocale(pinned);
	int replaced = t->replaces, rc;

	/* Here a folder takes the place of a link, even of one to a folder. */
	t->replaces = 0;
	/* A root that no layer says anything of is of the year 1970, as umoci's. */
	if (t->root->implied)
		t->root->mtime = 0;
	t->root->implied = 0;
	rc = add_all(&l);
	t->replaces = replaced;
	clear_marks(t->root, NULL);
	tree_walk(t, clear_marks, NULL);
	uselocale(before);
	freelocale(pinned);
	return rc;
}
