/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ext4_folder.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "ext4_checksum.h"
#include "ext4_image.h"

#define TAIL sizeof(struct ext2_dir_entry_tail)
#define ROOM (EXT4_BLOCK - TAIL)
#define DOT_SIZE 12 /* of "." and of ".." */
/* A leaf is full when less than a fifth is left of it, as `e2fsck -D` has it, so that new
 * names find room without splitting one leaf after the other. */
#define SLACK (ROOM / 5)

struct entry {
	uint32_t hash, minor;
	const struct node *node;
};

struct leaf {
	size_t first; /* of the sorted entries */
	uint32_t hash;
};

/* A folder at work; the lists serve all folders. */
struct folder {
	struct ext4_image *m;
	const uint32_t *hash_seed;
	const struct node *node;
	struct entry *entries;
	size_t count, room;
	struct leaf *leaves;
	size_t leaf_count, leaf_room;
	uint64_t logical; /* the next block */
	uint64_t first;	  /* where the first one is */
};

static size_t entry_size(const char *name)
{
	return (8 + strlen(name) + 3) & ~(size_t)3;
}

static size_t sum_entries(const struct node *n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n->folder->count; i++)
		sum += entry_size(n->folder->list[i]->name);
	return sum;
}

uint64_t ext4_folder_blocks_max(const struct node *n)
{
	size_t sum = sum_entries(n);
	uint64_t leaves;

	if (2 * DOT_SIZE + sum <= ROOM)
		return 1;
	leaves = sum / (ROOM - SLACK) + 1;
	return 1 + leaves + leaves / EXT4_FOLDER_NODE_MAX + 1;
}

static int by_hash(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->minor != b->minor)
		return a->minor < b->minor ? -1 : 1;
	return strcmp(a->node->name, b->node->name);
}

static void sort_entries(struct folder *f)
{
	const struct entries *from = f->node->folder;

	if (from->count > f->room) {
		free(f->entries);
		f->room = from->count;
		f->entries = memory_alloc(f->room * sizeof(*f->entries));
	}
	f->count = from->count;
	for (size_t i = 0; i < f->count; i++) {
		struct entry *e = &f->entries[i];

		e->node = from->list[i];
		/* Of the versions that it knows, none fails. */
		(void)ext2fs_dirhash(EXT2_HASH_HALF_MD4, e->node->name,
			(int)strlen(e->node->name), f->hash_seed, &e->hash, &e->minor);
	}
	qsort(f->entries, f->count, sizeof(*f->entries), by_hash);
}

static void add_leaf(struct folder *f, size_t first)
{
	const struct entry *e = &f->entries[first];

	if (f->leaf_count == f->leaf_room) {
		f->leaf_room = f->leaf_room ? f->leaf_room * 2 : 64;
		f->leaves = memory_resize(f->leaves, f->leaf_room * sizeof(*f->leaves));
	}
	/* The low bit says that the leaf before has entries of the same hash. */
	f->leaves[f->leaf_count++] = (struct leaf){
		.first = first,
		.hash = e->hash | (first > 0 && e[-1].hash == e->hash),
	};
}

/* Shares the sorted entries among leaves. */
static void pack_entries(struct folder *f)
{
	size_t left = 0;

	f->leaf_count = 0;
	for (size_t i = 0; i < f->count; i++) {
		size_t size = entry_size(f->entries[i].node->name);

		if (left < SLACK || left < size) {
			add_leaf(f, i);
			left = ROOM;
		}
		left -= size;
	}
}

/* Blocks of the index below its root. */
static size_t index_blocks(const struct folder *f)
{
	if (f->leaf_count <= EXT4_FOLDER_ROOT_MAX)
		return 0;
	return (f->leaf_count + EXT4_FOLDER_NODE_MAX - 1) / EXT4_FOLDER_NODE_MAX;
}

static int put_block(struct folder *f, const char *bytes, struct diag *d)
{
	uint64_t block;

	if (ext4_extents_add(&f->m->extents, f->logical++, 1, &block, d) < 0)
		return -1;
	if (f->logical == 1)
		f->first = block;
	return ext4_io_put(&f->m->io, block, bytes, d);
}

static int type_of(const struct node *n)
{
	static const unsigned char types[] = {
		[NODE_FOLDER] = EXT2_FT_DIR,
		[NODE_FILE] = EXT2_FT_REG_FILE,
		[NODE_SYMLINK] = EXT2_FT_SYMLINK,
		[NODE_HARDLINK] = EXT2_FT_REG_FILE,
		[NODE_FIFO] = EXT2_FT_FIFO,
		[NODE_SOCKET] = EXT2_FT_SOCK,
		[NODE_CHARACTER] = EXT2_FT_CHRDEV,
		[NODE_BLOCK] = EXT2_FT_BLKDEV,
	};

	return types[n->type];
}

static void fill_entry(char *at, size_t size, const char *name, uint32_t inode, int type)
{
	struct ext2_dir_entry_2 *e = (struct ext2_dir_entry_2 *)at;
	size_t length = strlen(name);

	e->inode = inode;
	e->rec_len = (uint16_t)size;
	e->name_len = (uint8_t)length;
	e->file_type = (uint8_t)type;
	memcpy(at + 8, name, length);
}

/* "." and ".."; the second's entry goes on up to `end`. */
static void fill_dots(const struct folder *f, char *bytes, size_t end)
{
	const struct node *parent = f->node->parent ? f->node->parent : f->node;

	fill_entry(bytes, DOT_SIZE, ".", f->node->mark, EXT2_FT_DIR);
	fill_entry(bytes + DOT_SIZE, end - DOT_SIZE, "..", parent->mark, EXT2_FT_DIR);
}

/* A block of entries ends with a checksum that looks like one of them. */
static void seal_entries(const struct folder *f, char *bytes)
{
	struct ext2_dir_entry_tail *t = (struct ext2_dir_entry_tail *)(bytes + ROOM);

	t->det_rec_len = TAIL;
	t->det_reserved_name_len = EXT2_DIR_NAME_LEN_CSUM;
	t->det_checksum = ext4_checksum(f->m->checksum_seed, f->node->mark, bytes, ROOM);
}

static int put_only_block(struct folder *f, struct diag *d)
{
	const struct entries *from = f->node->folder;
	char bytes[EXT4_BLOCK] = {0};
	size_t at = 2 * DOT_SIZE;

	fill_dots(f, bytes, from->count ? at : ROOM);
	for (size_t i = 0; i < from->count; i++) {
		const struct node *n = from->list[i];
		size_t size = entry_size(n->name);

		fill_entry(bytes + at, i + 1 < from->count ? size : ROOM - at, n->name,
			n->mark, type_of(n));
		at += size;
	}
	seal_entries(f, bytes);
	return put_block(f, bytes, d);
}

static int put_leaf(struct folder *f, const struct leaf *l, size_t end, struct diag *d)
{
	char bytes[EXT4_BLOCK] = {0};
	size_t at = 0;

	for (size_t i = l->first; i < end; i++) {
		const struct node *n = f->entries[i].node;
		size_t size = entry_size(n->name);

		fill_entry(bytes + at, i + 1 < end ? size : ROOM - at, n->name, n->mark,
			type_of(n));
		at += size;
	}
	seal_entries(f, bytes);
	return put_block(f, bytes, d);
}

/* Ends a block of the index whose entries begin at `from`. */
static int put_index_block(
	struct folder *f, char *bytes, size_t from, size_t count, struct diag *d)
{
	struct ext2_dx_countlimit *c = (struct ext2_dx_countlimit *)(bytes + from);
	struct ext2_dx_tail *t = (struct ext2_dx_tail *)(bytes + EXT4_BLOCK - sizeof(*t));
	const struct ext2_dx_tail empty = {0};
	uint32_t sum;

	c->limit = (uint16_t)((EXT4_BLOCK - from - sizeof(*t)) /
			      sizeof(struct ext2_dx_entry));
	c->count = (uint16_t)count;
	sum = ext4_checksum(f->m->checksum_seed, f->node->mark, bytes,
		from + count * sizeof(struct ext2_dx_entry));
	t->dt_checksum =
		ext2fs_crc32c_le(sum, (const unsigned char *)&empty, sizeof(empty));
	return put_block(f, bytes, d);
}

/* The first entry's hash is where count and limit are. */
static void fill_index(char *at, size_t i, uint32_t hash, uint64_t block)
{
	struct ext2_dx_entry *x = (struct ext2_dx_entry *)at + i;

	if (i > 0)
		x->hash = hash;
	x->block = (uint32_t)block;
}

static int put_root(struct folder *f, size_t nodes, struct diag *d)
{
	const size_t from = 2 * DOT_SIZE + sizeof(struct ext2_dx_root_info);
	size_t step = nodes ? EXT4_FOLDER_NODE_MAX : 1, count = 0;
	char bytes[EXT4_BLOCK] = {0};
	struct ext2_dx_root_info *info =
		(struct ext2_dx_root_info *)(bytes + 2 * DOT_SIZE);

	fill_dots(f, bytes, EXT4_BLOCK);
	info->hash_version = EXT2_HASH_HALF_MD4;
	info->info_length = sizeof(*info);
	info->indirect_levels = nodes > 0;
	for (size_t i = 0; i < f->leaf_count; i += step, count++)
		fill_index(bytes + from, count, f->leaves[i].hash, 1 + count);
	return put_index_block(f, bytes, from, count, d);
}

static int put_node(struct folder *f, size_t first, size_t nodes, struct diag *d)
{
	const size_t from = 8;
	char bytes[EXT4_BLOCK] = {0};
	size_t count = 0;

	/* To those who know no index, the block is one free entry. */
	((struct ext2_dir_entry *)bytes)->rec_len = EXT4_BLOCK;
	for (size_t i = first; i < f->leaf_count && count < EXT4_FOLDER_NODE_MAX;
		i++, count++)
		fill_index(bytes + from, count, f->leaves[i].hash, 1 + nodes + i);
	return put_index_block(f, bytes, from, count, d);
}

static int put_indexed(struct folder *f, struct diag *d)
{
	size_t nodes;

	sort_entries(f);
	pack_entries(f);
	nodes = index_blocks(f);
	if (put_root(f, nodes, d) < 0)
		return -1;
	for (size_t i = 0; i < nodes; i++) {
		if (put_node(f, i * EXT4_FOLDER_NODE_MAX, nodes, d) < 0)
			return -1;
	}
	for (size_t i = 0; i < f->leaf_count; i++) {
		size_t end = i + 1 < f->leaf_count ? f->leaves[i + 1].first : f->count;

		if (put_leaf(f, &f->leaves[i], end, d) < 0)
			return -1;
	}
	return 0;
}

struct writing {
	struct folder folder;
	struct diag *diag;
};

static int write_folder(struct node *n, void *context)
{
	struct writing *w = context;
	struct folder *f = &w->folder;
	struct ext4_map map;
	int rc;

	if (n->type != NODE_FOLDER)
		return 0;
	f->node = n;
	f->logical = 0;
	ext4_extents_start(&f->m->extents, n->mark);
	rc = ext4_folder_blocks_max(n) == 1 ? put_only_block(f, w->diag)
					    : put_indexed(f, w->diag);
	if (rc < 0 || ext4_extents_finish(&f->m->extents, &map, w->diag) < 0)
		return -1;
	/* The blocks of a larger one are counted nowhere else. */
	ext4_image_note(f->m, n, f->first, f->logical == 1 ? NULL : &map);
	return 0;
}

static void clear(struct folder *f)
{
	free(f->entries);
	free(f->leaves);
}

int ext4_folders_write(struct ext4_image *m, struct diag *d)
{
	struct writing w = {.folder = {.m = m, .hash_seed = m->hash_seed}, .diag = d};
	int rc = write_folder(m->tree->root, &w);

	if (rc == 0)
		rc = tree_walk(m->tree, write_folder, &w);
	clear(&w.folder);
	return rc;
}

uint64_t ext4_folder_blocks(const struct node *n, const uint32_t hash_seed[4])
{
	struct folder f = {.hash_seed = hash_seed, .node = n};
	uint64_t blocks = 1;

	if (ext4_folder_blocks_max(n) > 1) {
		sort_entries(&f);
		pack_entries(&f);
		blocks += index_blocks(&f) + f.leaf_count;
	}
	clear(&f);
	return blocks;
}
