/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The format: Documentation/filesystems/ext4/attributes.rst of Linux. */
#include "ext4_xattr.h"

#include <ext2fs/ext2_ext_attr.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

#define ACL_VERSION_CALL 2 /* as getxattr(2) gives an ACL */
#define ACL_VERSION_DISK 1
#define ACL_USER 2
#define ACL_GROUP 8
#define SETS_MIN 64

static const struct {
	const char *prefix;
	unsigned index;
	int is_acl; /* the prefix is all of the name */
} namespaces[] = {
	{"user.", 1, 0},
	{"system.posix_acl_access", 2, 1},
	{"system.posix_acl_default", 3, 1},
	{"trusted.", 4, 0},
	{"security.", 6, 0},
};

/* One attribute, in ext4's words. */
struct attribute {
	unsigned index;
	const char *name; /* without its namespace */
	size_t name_size;
	const char *value;
	size_t size;
	char *converted; /* the value, where it is ours */
};

static uint32_t get(const unsigned char *p, size_t size)
{
	uint32_t n = 0;

	while (size-- > 0)
		n = n << 8 | p[size];
	return n;
}

static size_t set(char *p, uint32_t n, size_t size)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (char)(n >> (8 * i));
	return size;
}

/* On the disk, only entries that name someone have room for whom. */
static int convert_acl(struct attribute *a)
{
	const unsigned char *from = (const unsigned char *)a->value;
	size_t count = a->size / 8, size;

	if (a->size % 8 != 4 || get(from, 4) != ACL_VERSION_CALL)
		return -1;
	a->converted = memory_alloc(a->size);
	size = set(a->converted, ACL_VERSION_DISK, 4);
	for (size_t i = 0; i < count; i++) {
		const unsigned char *entry = from + 4 + i * 8;
		uint32_t tag = get(entry, 2);

		size += set(a->converted + size, tag, 2);
		size += set(a->converted + size, get(entry + 2, 2), 2);
		if (tag == ACL_USER || tag == ACL_GROUP)
			size += set(a->converted + size, get(entry + 4, 4), 4);
	}
	a->value = a->converted;
	a->size = size;
	return 0;
}

static int convert(const struct xattr *x, struct attribute *a, char *problem)
{
	size_t n = sizeof(namespaces) / sizeof(*namespaces);

	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(namespaces[i].prefix);

		if (strncmp(x->name, namespaces[i].prefix, length) != 0 ||
			(x->name[length] == '\0') != namespaces[i].is_acl)
			continue;
		*a = (struct attribute){
			.index = namespaces[i].index,
			.name = x->name + length,
			.name_size = strlen(x->name + length),
			.value = x->value,
			.size = x->size,
		};
		if (namespaces[i].is_acl && convert_acl(a) < 0) {
			snprintf(problem, EXT4_XATTR_PROBLEM,
				"its extended attribute %s is no ACL", x->name);
			return -1;
		}
		if (a->name_size <= 255)
			return 0;
	}
	snprintf(problem, EXT4_XATTR_PROBLEM,
		"ext4 has no place for an extended attribute \"%.300s\"", x->name);
	return -1;
}

/* The order that the kernel wants in a block. */
static int compare(const void *x, const void *y)
{
	const struct attribute *a = x, *b = y;

	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	if (a->name_size != b->name_size)
		return a->name_size < b->name_size ? -1 : 1;
	return memcmp(a->name, b->name, a->name_size);
}

/* Where entries grow upwards and values downwards. */
struct area {
	char *base; /* values are counted from here */
	size_t entries, values;
};

static int put(struct area *r, const struct attribute *a)
{
	size_t entry_size = EXT2_EXT_ATTR_LEN(a->name_size);
	size_t value_size = EXT2_EXT_ATTR_SIZE(a->size);
	struct ext2_ext_attr_entry *e;

	/* Four zeros end the entries. */
	if (a->size > EXT4_BLOCK || r->entries + entry_size + 4 + value_size > r->values)
		return -1;
	e = (struct ext2_ext_attr_entry *)(r->base + r->entries);
	r->entries += entry_size;
	r->values -= value_size;
	e->e_name_len = (uint8_t)a->name_size;
	e->e_name_index = (uint8_t)a->index;
	e->e_value_offs = a->size ? (uint16_t)r->values : 0;
	e->e_value_size = (uint32_t)a->size;
	memcpy(EXT2_EXT_ATTR_NAME(e), a->name, a->name_size);
	if (a->size)
		memcpy(r->base + r->values, a->value, a->size);
	e->e_hash = ext2fs_ext_attr_hash_entry(e, r->base + r->values);
	return 0;
}

static int fill(const struct attribute *list, size_t count, struct ext4_xattr_bytes *b)
{
	struct ext2_ext_attr_header *header = (struct ext2_ext_attr_header *)b->block;
	struct area inode = {b->inode + 4, 0, EXT4_XATTR_ROOM - 4};
	struct area block = {b->block, sizeof(*header), EXT4_BLOCK};

	for (size_t i = 0; i < count; i++) {
		if (put(&inode, &list[i]) < 0 && put(&block, &list[i]) < 0)
			return -1;
	}
	b->in_inode = inode.entries > 0;
	b->in_block = block.entries > sizeof(*header);
	if (b->in_inode)
		set(b->inode, EXT2_EXT_ATTR_MAGIC, 4);
	header->h_magic = EXT2_EXT_ATTR_MAGIC;
	header->h_blocks = 1;
	ext2fs_ext_attr_block_rehash(
		header, (struct ext2_ext_attr_entry *)(b->block + block.entries));
	return 0;
}

int ext4_xattr_encode(const struct xattrs *x, struct ext4_xattr_bytes *bytes,
	char problem[EXT4_XATTR_PROBLEM])
{
	struct attribute *list = memory_alloc((x->count + 1) * sizeof(*list));
	size_t count = 0;
	int rc = 0;

	memset(bytes, 0, sizeof(*bytes));
	for (; count < x->count && rc == 0; count++)
		rc = convert(&x->list[count], &list[count], problem);
	if (rc == 0) {
		qsort(list, count, sizeof(*list), compare);
		rc = fill(list, count, bytes);
		if (rc < 0)
			snprintf(problem, EXT4_XATTR_PROBLEM,
				"its extended attributes take more than 4 KiB");
	}
	for (size_t i = 0; i < count; i++)
		free(list[i].converted);
	free(list);
	return rc;
}

/* Equal blocks. */
struct ext4_xattr_set {
	unsigned char sha256[DIGEST_BYTES];
	uint32_t users, served;
	uint64_t block; /* the one that is being given out */
};

/* The slot of the set with this digest, or the free one where it would be. */
static uint32_t *slot_of(const struct ext4_xattr_table *t, const unsigned char *sha256)
{
	size_t i;

	memcpy(&i, sha256, sizeof(i));
	for (i &= t->slot_room - 1; t->slots[i]; i = (i + 1) & (t->slot_room - 1)) {
		if (memcmp(t->sets[t->slots[i] - 1].sha256, sha256, DIGEST_BYTES) == 0)
			break;
	}
	return &t->slots[i];
}

static void grow(struct ext4_xattr_table *t)
{
	t->room = t->room ? t->room * 2 : SETS_MIN;
	t->sets = memory_resize(t->sets, t->room * sizeof(*t->sets));
	free(t->slots);
	t->slot_room = t->room * 2;
	t->slots = memory_alloc(t->slot_room * sizeof(*t->slots));
	for (size_t i = 0; i < t->count; i++)
		*slot_of(t, t->sets[i].sha256) = (uint32_t)i + 1;
}

static struct ext4_xattr_set *find(
	struct ext4_xattr_table *t, const struct ext4_xattr_bytes *b)
{
	unsigned char sha256[DIGEST_BYTES];
	uint32_t *slot;

	if (t->count == t->room)
		grow(t);
	if (!t->digest)
		t->digest = digest_new();
	digest_add(t->digest, b->block, sizeof(b->block));
	digest_take(t->digest, sha256);
	slot = slot_of(t, sha256);
	if (!*slot) {
		t->sets[t->count] = (struct ext4_xattr_set){0};
		memcpy(t->sets[t->count].sha256, sha256, sizeof(sha256));
		*slot = (uint32_t)++t->count;
	}
	return &t->sets[*slot - 1];
}

void ext4_xattr_table_count(struct ext4_xattr_table *t, const struct ext4_xattr_bytes *b)
{
	struct ext4_xattr_set *s = find(t, b);

	if (s->users++ % EXT2_EXT_ATTR_REFCOUNT_MAX == 0)
		t->blocks++;
}

uint64_t ext4_xattr_table_take(struct ext4_xattr_table *t,
	const struct ext4_xattr_bytes *b, struct ext4_layout *from, uint32_t *references)
{
	struct ext4_xattr_set *s = find(t, b);
	uint32_t left = s->users - s->served;
	uint64_t count;

	*references = 0;
	if (s->served++ % EXT2_EXT_ATTR_REFCOUNT_MAX == 0) {
		s->block = ext4_layout_take(from, 1, &count);
		*references = left < EXT2_EXT_ATTR_REFCOUNT_MAX
				      ? left
				      : EXT2_EXT_ATTR_REFCOUNT_MAX;
	}
	return s->block;
}

void ext4_xattr_table_clear(struct ext4_xattr_table *t)
{
	free(t->sets);
	free(t->slots);
	digest_drop(t->digest);
	*t = (struct ext4_xattr_table){0};
}
