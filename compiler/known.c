/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "known.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/workdir.h"
#include "runtime/unit.h"

#define LIMIT_BYTES ((size_t)1 << 30)
/* Stamps with no more precision than this come from a coarse clock, under which a later
 * change may look the same, or from a disk image, whose maker chose them. */
#define COARSE_NS 10000000

/* The file: this, the unit's path, zeros up to a multiple of 8 bytes, the records. */
struct head {
	char magic[8];
	uint32_t version; /* of this layout; another byte order has another */
	uint32_t path_size;
	uint64_t count;
	unsigned char sha256[DIGEST_BYTES]; /* of it all, with zeros here */
};

static const char magic[8] = "wuknown";
#define VERSION 1

struct known_record {
	uint64_t device, inode, size;
	int64_t mtime, ctime;
	uint32_t data_blocks, data_runs;
	unsigned char sha256[DIGEST_BYTES];
};

static size_t padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

/* Sets the head's digest to that of the whole. */
static void seal(char *bytes, size_t size)
{
	struct head *head = (struct head *)(void *)bytes;
	struct digest *g = digest_new();

	memset(head->sha256, 0, sizeof(head->sha256));
	digest_add(g, bytes, size);
	digest_take(g, head->sha256);
	digest_drop(g);
}

static int is_sealed(char *bytes, size_t size)
{
	struct head *head = (struct head *)(void *)bytes;
	unsigned char found[DIGEST_BYTES];

	memcpy(found, head->sha256, sizeof(found));
	seal(bytes, size);
	return memcmp(found, head->sha256, sizeof(found)) == 0;
}

/* 1 where the head fits a file of this size, which is what the rest relies on. */
static int is_head(const struct head *head, size_t size)
{
	size_t room = size - sizeof(*head);

	return memcmp(head->magic, magic, sizeof(magic)) == 0 &&
	       head->version == VERSION && head->path_size < PATH_MAX &&
	       padded(head->path_size) <= room &&
	       (room - padded(head->path_size)) % sizeof(struct known_record) == 0 &&
	       (room - padded(head->path_size)) / sizeof(struct known_record) ==
		       head->count;
}

static int is_ours(const struct known *k)
{
	const struct head *head = (const void *)k->bytes;

	return k->size >= sizeof(*head) && is_head(head, k->size) &&
	       is_sealed(k->bytes, k->size) && head->path_size == strlen(k->unit) &&
	       memcmp(k->bytes + sizeof(*head), k->unit, head->path_size) == 0 &&
	       head->count < UINT32_MAX / 4;
}

static void read_file(struct known *k)
{
	struct diag ignored = {0};
	const struct head *head;

	k->bytes = file_read(AT_FDCWD, k->path, LIMIT_BYTES, &k->size, &ignored);
	diag_clear(&ignored);
	if (!k->bytes || !is_ours(k))
		return;
	head = (const void *)k->bytes;
	k->count = head->count;
	k->records = (const void *)(k->bytes + sizeof(*head) + padded(head->path_size));
}

/* Absolute, with links resolved, whether the last part is there or not. NULL where what
 * is above it is not. */
static char *full_path(const char *path)
{
	char real[PATH_MAX], *copy, *full = NULL;
	const char *folder = ".", *name;
	char *slash;

	if (realpath(path, real))
		return memory_strdup(real);
	copy = memory_strdup(path);
	slash = strrchr(copy, '/');
	name = slash ? slash + 1 : copy;
	if (slash) {
		*slash = '\0';
		folder = slash == copy ? "/" : copy;
	}
	if (realpath(folder, real))
		full = memory_printf("%s/%s", strcmp(real, "/") == 0 ? "" : real, name);
	free(copy);
	return full;
}

void known_open(struct known *k, const char *unit)
{
	struct diag ignored = {0};
	char name[DIGEST_HEX], *cache = file_cache_folder(&ignored);

	*k = (struct known){.unit = full_path(unit)};
	if (cache && k->unit) {
		digest_of_bytes(k->unit, strlen(k->unit), name);
		k->folder = memory_printf("%s/known", cache);
		k->path = memory_printf("%s/%s", k->folder, name);
		workdir_mend_file(AT_FDCWD, k->path);
		read_file(k);
	}
	free(cache);
	diag_clear(&ignored);
}

void known_close(struct known *k)
{
	free(k->folder);
	free(k->path);
	free(k->unit);
	free(k->bytes);
	free(k->index);
	*k = (struct known){0};
}

static int is_host_file(const struct node *n)
{
	return n->type == NODE_FILE && n->source_kind == SOURCE_HOST;
}

static int is_of(const struct known_record *r, const struct node *n)
{
	const struct host_file *h = n->host;

	return r->inode == h->inode && r->device == h->device && r->size == n->size &&
	       r->mtime == h->mtime && r->ctime == h->ctime;
}

/* Where the first record of this inode stands, or could. */
static uint32_t *slot_of(const struct known *k, uint64_t device, uint64_t inode)
{
	size_t i = (inode * 0x9E3779B97F4A7C15u ^ device) % k->index_room;

	while (k->index[i] && (k->records[k->index[i] - 1].inode != inode ||
				      k->records[k->index[i] - 1].device != device))
		i = (i + 1) % k->index_room;
	return &k->index[i];
}

static void make_index(struct known *k)
{
	k->index_room = k->count * 2 + 1;
	k->index = memory_alloc(k->index_room * sizeof(*k->index));
	for (size_t i = 0; i < k->count; i++) {
		uint32_t *slot = slot_of(k, k->records[i].device, k->records[i].inode);

		if (!*slot)
			*slot = (uint32_t)i + 1;
	}
}

/* Mostly the record after the one before: an index is made where that fails. */
static const struct known_record *find_record(struct known *k, const struct node *n)
{
	uint32_t number;

	if (k->next < k->count && is_of(&k->records[k->next], n))
		return &k->records[k->next++];
	if (!k->index)
		make_index(k);
	number = *slot_of(k, n->host->device, n->host->inode);
	if (!number || !is_of(&k->records[number - 1], n))
		return NULL;
	k->next = number;
	return &k->records[number - 1];
}

static int apply(struct node *n, void *context)
{
	const struct known_record *r;

	if (!is_host_file(n) || n->measured || !(r = find_record(context, n)))
		return 0;
	n->data_blocks = r->data_blocks;
	n->data_runs = r->data_runs;
	memcpy(n->sha256, r->sha256, sizeof(n->sha256));
	n->measured = 1;
	return 0;
}

void known_apply(struct known *k, struct tree *t)
{
	k->next = 0;
	if (k->count)
		tree_walk(t, apply, k);
}

/* A change after the scan must show in the times: it does where they are precise, and
 * were already past when the scan began. */
static int is_settled(const struct host_file *h, int64_t before)
{
	int64_t ns = h->ctime & (((int64_t)1 << 30) - 1); /* as tree_stamp() puts them */

	return h->ctime < before && h->mtime < before && ns % COARSE_NS != 0;
}

/* The records of a tree: compared with those that there are, or written to a buffer. */
struct learned {
	const struct known *known;
	int64_t before;
	size_t count;
	struct buffer *bytes;
};

static int learn(struct node *n, void *context)
{
	struct learned *l = context;
	struct known_record r;

	if (!is_host_file(n) || !n->measured || !is_settled(n->host, l->before))
		return 0;
	r = (struct known_record){
		.device = n->host->device,
		.inode = n->host->inode,
		.size = n->size,
		.mtime = n->host->mtime,
		.ctime = n->host->ctime,
		.data_blocks = n->data_blocks,
		.data_runs = n->data_runs,
	};
	memcpy(r.sha256, n->sha256, sizeof(r.sha256));
	l->count++;
	if (l->bytes)
		buffer_add(l->bytes, &r, sizeof(r));
	else if (l->count > l->known->count ||
		 memcmp(&r, &l->known->records[l->count - 1], sizeof(r)) != 0)
		return 1;
	return 0;
}

static int is_current(struct learned *l, struct tree *t)
{
	l->count = 0;
	return tree_walk(t, learn, l) == 0 && l->count == l->known->count;
}

static void compose(struct learned *l, struct tree *t)
{
	const char *unit = l->known->unit;
	struct head head = {.version = VERSION, .path_size = (uint32_t)strlen(unit)};
	static const char zeros[8];

	/* Room for all, of which only what is used costs memory. */
	l->bytes->room = sizeof(head) + padded(head.path_size) +
			 (t->node_count + 1) * sizeof(struct known_record);
	l->bytes->bytes = memory_resize(NULL, l->bytes->room);
	memcpy(head.magic, magic, sizeof(magic));
	buffer_add(l->bytes, &head, sizeof(head));
	buffer_add(l->bytes, unit, head.path_size);
	buffer_add(l->bytes, zeros, padded(head.path_size) - head.path_size);
	l->count = 0;
	tree_walk(t, learn, l);
	head.count = l->count;
	memcpy(l->bytes->bytes, &head, sizeof(head));
}

/* The unit that a file of the cache is about is still there. */
static int is_alive(int dirfd, const char *name)
{
	CLEANUP(file_close)
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char path[PATH_MAX + sizeof("/" WU_MANIFEST)];
	struct head head;

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		memcmp(head.magic, magic, sizeof(magic)) != 0 ||
		head.path_size >= PATH_MAX ||
		pread(fd, path, head.path_size, sizeof(head)) != (ssize_t)head.path_size)
		return 0;
	strcpy(path + head.path_size, "/" WU_MANIFEST);
	return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

/* Only when a unit is new: there are no more files to look at than there were units. */
static void sweep(const struct known *k)
{
	DIR *dir = opendir(k->folder);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] != '.' && !is_alive(dirfd(dir), e->d_name))
			(void)!unlinkat(dirfd(dir), e->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

static void write_file(struct known *k, struct buffer *b)
{
	struct diag ignored = {0};

	seal(b->bytes, b->size);
	if (!k->bytes)
		sweep(k);
	if (file_make_folders(k->folder, &ignored) == 0)
		workdir_replace_file(
			AT_FDCWD, k->path, b->bytes, b->size, 0600, &ignored);
	diag_clear(&ignored);
}

void known_save(struct known *k, struct tree *t, const struct timespec *scanned)
{
	struct timespec settled = {
		scanned->tv_sec - KNOWN_SETTLED_SECONDS, scanned->tv_nsec};
	struct learned l = {.known = k, .before = tree_stamp(&settled)};
	struct buffer bytes = {0};

	if (!k->path || (k->records && is_current(&l, t)))
		return;
	l.bytes = &bytes;
	compose(&l, t);
	write_file(k, &bytes);
	buffer_clear(&bytes);
}
