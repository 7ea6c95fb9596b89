/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KEY.img is another name of a unit's disk, KEY says what it was when it came. */
#include "disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/workdir.h"
#include "tree.h"

#define RECORD_BYTES 256
#define IMAGE_NAME (DIGEST_HEX + sizeof(".img"))

/* Not the time of its inode's last change: with each unit that comes or goes it has
 * another number of names. */
struct stored {
	char sha256[DIGEST_HEX];
	uint64_t size_bytes, inode;
	int64_t changed; /* its contents, as tree_stamp() says it */
	int64_t program; /* the same of the wuc that made it: no other's is taken */
};

void disks_close(struct disks *s)
{
	file_close(&s->fd);
}

static const char *image_name(char name[IMAGE_NAME], const char *key)
{
	snprintf(name, IMAGE_NAME, "%s.img", key);
	return name;
}

static void drop(const struct disks *s, const char *key)
{
	char name[IMAGE_NAME];

	(void)!unlinkat(s->fd, key, 0);
	(void)!unlinkat(s->fd, image_name(name, key), 0);
}

/* The key with which a name in the store begins; 0 where it does not. */
static int key_of(const char *name, char key[DIGEST_HEX])
{
	if (strlen(name) < DIGEST_HEX - 1)
		return 0;
	memcpy(key, name, DIGEST_HEX - 1);
	key[DIGEST_HEX - 1] = '\0';
	return digest_is_hex(key);
}

/* What a process that died was about to write. */
static int is_left_over(const char *name)
{
	size_t size = strlen(name);

	return size > DIGEST_HEX + 3 && strcmp(name + size - 4, ".tmp") == 0;
}

static int has_unit(const struct disks *s, const char *key)
{
	char name[IMAGE_NAME];
	struct stat st;

	return fstatat(s->fd, image_name(name, key), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_nlink > 1;
}

/* A disk whose last unit went holds room for nothing. */
static void sweep(const struct disks *s)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char key[DIGEST_HEX];
	struct dirent *e;

	if (!dir)
		file_close(&fd);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' && strstr(e->d_name, WORKDIR_NEW))
			workdir_remove_abandoned(s->fd, e->d_name);
		if (!key_of(e->d_name, key))
			continue;
		if (is_left_over(e->d_name))
			(void)!unlinkat(s->fd, e->d_name, 0);
		else if (!has_unit(s, key))
			drop(s, key);
	}
	if (dir)
		closedir(dir);
}

void disks_open(struct disks *s)
{
	struct diag ignored = {0};
	char *cache = file_cache_folder(&ignored);
	char *folder = cache ? memory_printf("%s/disks", cache) : NULL;

	s->fd = -1;
	if (folder && file_make_folders(folder, &ignored) == 0)
		s->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd >= 0)
		sweep(s);
	free(folder);
	free(cache);
	diag_clear(&ignored);
}

/* A line that ends with its own digest. */
static char *record_text(const struct stored *r)
{
	char *line =
		memory_printf("disk 1 %s %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64,
			r->sha256, r->size_bytes, r->inode, r->changed, r->program);
	char check[DIGEST_HEX], *text;

	digest_of_bytes(line, strlen(line), check);
	text = memory_printf("%s %s\n", line, check);
	free(line);
	return text;
}

/* Only what record_text() writes is a record. */
static int parse_record(const char *text, struct stored *r)
{
	char *again;
	int same;

	if (sscanf(text,
		    "disk 1 %64[0-9a-f] %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64,
		    r->sha256, &r->size_bytes, &r->inode, &r->changed, &r->program) != 5)
		return 0;
	again = record_text(r);
	same = strcmp(again, text) == 0;
	free(again);
	return same && digest_is_hex(r->sha256);
}

static int read_record(const struct disks *s, const char *key, struct stored *r)
{
	struct diag ignored = {0};
	size_t size = 0;
	char *text = file_read(s->fd, key, RECORD_BYTES, &size, &ignored);
	int found = text && strlen(text) == size && parse_record(text, r);

	free(text);
	diag_clear(&ignored);
	return found;
}

static int64_t program_stamp(void)
{
	struct stat st;

	return stat("/proc/self/exe", &st) < 0 ? 0 : tree_stamp(&st.st_mtim);
}

static struct stored describe(const struct artifact *a, const struct stat *st)
{
	struct stored r = {
		.size_bytes = (uint64_t)st->st_size,
		.inode = st->st_ino,
		.changed = tree_stamp(&st->st_mtim),
		.program = program_stamp(),
	};

	memcpy(r.sha256, a->sha256, DIGEST_HEX);
	return r;
}

/* The file is the one that was stored, and nobody wrote into it. */
static int is_untouched(const struct stored *r, const struct stat *st)
{
	return S_ISREG(st->st_mode) && r->size_bytes == (uint64_t)st->st_size &&
	       r->inode == st->st_ino && r->changed == tree_stamp(&st->st_mtim) &&
	       r->program == program_stamp() && (st->st_mode & 07777) == 0644 &&
	       st->st_uid == geteuid();
}

static char *temporary_name(const char *key)
{
	return memory_printf("%s.%ld.tmp", key, (long)getpid());
}

int disks_link(struct disks *s, struct artifact *a, int dirfd, const char *path)
{
	char image[IMAGE_NAME], *temporary;
	struct stored r;
	struct stat st;
	int rc = 0;

	if (s->fd < 0 || !read_record(s, a->key, &r))
		return 0;
	temporary = temporary_name(a->key);
	/* What is looked at is the name that the unit will have; until then it is the
	 * store's, which is swept. */
	if (linkat(s->fd, image_name(image, a->key), s->fd, temporary, 0) == 0) {
		if (fstatat(s->fd, temporary, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!is_untouched(&r, &st))
			drop(s, a->key);
		else
			rc = renameat(s->fd, temporary, dirfd, path) == 0;
		/* It stays where both names were one file's already. */
		(void)!unlinkat(s->fd, temporary, 0);
	}
	if (rc) {
		a->size_bytes = r.size_bytes;
		memcpy(a->sha256, r.sha256, DIGEST_HEX);
	}
	free(temporary);
	return rc;
}

/* The store's name for a disk, at once in the place of an old one. */
static int link_image(struct disks *s, const char *key, int dirfd, const char *path)
{
	char *temporary = temporary_name(key);
	char image[IMAGE_NAME];
	int rc = linkat(dirfd, path, s->fd, temporary, 0);

	if (rc == 0) {
		rc = renameat(s->fd, temporary, s->fd, image_name(image, key));
		/* Both names may have been one file's: then nothing was renamed. */
		(void)!unlinkat(s->fd, temporary, 0);
	}
	free(temporary);
	return rc;
}

void disks_keep(struct disks *s, const struct artifact *a, int dirfd, const char *path)
{
	struct diag ignored = {0};
	struct stored r;
	struct stat st;
	char *text;

	if (s->fd < 0 || fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		(uint64_t)st.st_size != a->size_bytes)
		return;
	r = describe(a, &st);
	text = record_text(&r);
	/* A record without a disk, or of another one, counts as none. */
	if (link_image(s, a->key, dirfd, path) == 0 &&
		workdir_replace_file(s->fd, a->key, text, strlen(text), 0644, &ignored) <
			0)
		drop(s, a->key);
	free(text);
	diag_clear(&ignored);
}
