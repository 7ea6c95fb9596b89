/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define KINDS 2
#define BLOCK 1024
#define FOLDER "/tmp/wu-fuzz-XXXXXX"

static struct {
	struct kind {
		unsigned char image[DISK_BYTES];
		unsigned blocks[DISK_BYTES / BLOCK]; /* those that describe something */
		unsigned count;
	} kinds[KINDS];
	char folder[sizeof(FOLDER)];
	int fd; /* of the folder */
} fuzz = {.folder = FOLDER};

static void fill(int fd)
{
	struct diag d = {0};
	char *big = memory_alloc(50000);

	memset(big, 'b', 50000);
	if (mkdirat(fd, "tree", 0755) < 0 || mkdirat(fd, "tree/folder", 0755) < 0 ||
		file_create(fd, "tree/one", "one", 3, 0644, &d) < 0 ||
		file_create(fd, "tree/folder/big", big, 50000, 0644, &d) < 0 ||
		linkat(fd, "tree/one", fd, "tree/folder/again", 0) < 0 ||
		symlinkat("folder/big", fd, "tree/link") < 0)
		abort();
	free(big);
}

/* What is empty, or a file's contents, says nothing of others. */
static void find_blocks(struct kind *k)
{
	for (unsigned i = 0; i < DISK_BYTES / BLOCK; i++) {
		const unsigned char *block = k->image + i * BLOCK;
		int is_plain = memcmp(block, block + 1, BLOCK - 1) == 0;

		if (!is_plain)
			k->blocks[k->count++] = i;
	}
}

/* Without checksums, which would catch the changes before we see them. */
static void make(const char *type, const char *features, struct kind *k)
{
	char *command = memory_printf(
		"PATH=$PATH:/usr/sbin:/sbin; cd %s && rm -f disk && mke2fs -q -F -t %s "
		"-b 1024 -O %s -d tree disk 1M",
		fuzz.folder, type, features);
	CLEANUP(file_close) int fd = -1;

	if (system(command) != 0)
		abort();
	free(command);
	fd = openat(fuzz.fd, "disk", O_RDONLY | O_CLOEXEC);
	if (file_read_at(fd, k->image, DISK_BYTES, 0) != DISK_BYTES)
		abort();
	find_blocks(k);
}

static void clean_up(void)
{
	struct diag d = {0};

	file_remove_tree(AT_FDCWD, fuzz.folder, &d);
}

int disk_init(const char **folder)
{
	if (!mkdtemp(fuzz.folder))
		abort();
	atexit(clean_up);
	fuzz.fd = open(fuzz.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill(fuzz.fd);
	make("ext4", "^metadata_csum", &fuzz.kinds[0]);
	make("ext2", "none,filetype,sparse_super", &fuzz.kinds[1]);
	*folder = fuzz.folder;
	return fuzz.fd;
}

void disk_write(const unsigned char *bytes, size_t size)
{
	const struct kind *k = &fuzz.kinds[bytes[0] % KINDS];
	unsigned char *image = memory_alloc(DISK_BYTES);
	struct diag d = {0};

	memcpy(image, k->image, DISK_BYTES);
	for (const unsigned char *b = bytes + 1; b + 4 <= bytes + size; b += 4)
		image[k->blocks[b[0] % k->count] * BLOCK + (b[1] << 8 | b[2]) % BLOCK] =
			b[3];
	unlinkat(fuzz.fd, DISK_NAME, 0);
	if (file_create(fuzz.fd, DISK_NAME, image, DISK_BYTES, 0600, &d) < 0)
		abort();
	free(image);
}

int disk_open_out(void)
{
	struct diag ignored = {0};

	file_remove_tree(fuzz.fd, "out", &ignored);
	diag_clear(&ignored);
	mkdirat(fuzz.fd, "out", 0700);
	return openat(fuzz.fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}
