/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_ext2disk: a file system with bytes that are not its maker's, for `wuc get` and
 * `wuc put`. The first byte says which of them, and which system; then each four are a
 * place and what stands there. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "compiler/diskimage.h"
#include "compiler/get.h"
#include "compiler/put.h"

#define KINDS 2
#define IMAGE_BYTES (1 << 20)
#define BLOCK 1024
#define FOLDER "/tmp/wu-fuzz-ext2disk-XXXXXX"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static struct {
	struct kind {
		unsigned char image[IMAGE_BYTES];
		unsigned blocks[IMAGE_BYTES / BLOCK]; /* those that describe something */
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
	for (unsigned i = 0; i < IMAGE_BYTES / BLOCK; i++) {
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
	if (file_read_at(fd, k->image, IMAGE_BYTES, 0) != IMAGE_BYTES)
		abort();
	find_blocks(k);
}

static void clean_up(void)
{
	struct diag d = {0};

	file_remove_tree(AT_FDCWD, fuzz.folder, &d);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!mkdtemp(fuzz.folder))
		abort();
	atexit(clean_up);
	fuzz.fd = open(fuzz.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill(fuzz.fd);
	make("ext4", "^metadata_csum", &fuzz.kinds[0]);
	make("ext2", "none,filetype,sparse_super", &fuzz.kinds[1]);
	return 0;
}

static void write_image(const unsigned char *bytes, size_t size)
{
	const struct kind *k = &fuzz.kinds[bytes[0] % KINDS];
	unsigned char *image = memory_alloc(IMAGE_BYTES);
	struct diag d = {0};

	memcpy(image, k->image, IMAGE_BYTES);
	for (const unsigned char *b = bytes + 1; b + 4 <= bytes + size; b += 4)
		image[k->blocks[b[0] % k->count] * BLOCK + (b[1] << 8 | b[2]) % BLOCK] =
			b[3];
	unlinkat(fuzz.fd, "image", 0);
	if (file_create(fuzz.fd, "image", image, IMAGE_BYTES, 0600, &d) < 0)
		abort();
	free(image);
}

static void skip(void *context, const char *path, const char *why)
{
	(void)context;
	if (!*path || !*why)
		abort();
}

static void get_all(struct diskimage *m, struct diag *d)
{
	CLEANUP(file_close) int out = -1;
	struct diag ignored = {0};
	struct get g = {.x = &m->disk, .skipped = skip, .d = d};

	file_remove_tree(fuzz.fd, "out", &ignored);
	mkdirat(fuzz.fd, "out", 0700);
	out = openat(fuzz.fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g.top = out;
	get_begin(&g);
	get_inode(&g, EXT2_ROOT_INO, "/", NULL);
	get_end(&g);
	diag_clear(&ignored);
}

static int put_some(struct diskimage *m, struct diag *d)
{
	struct put_options o = {.replace = 1, .epoch = 1};
	struct put_report report = {0};
	struct tree t;
	int rc;

	tree_init(&t, 1);
	tree_add_text(&t, "one", "another", 7, 0644, NULL, d);
	tree_add_text(&t, "folder/new", "text", 4, 0644, NULL, d);
	tree_finish(&t);
	rc = put_tree(&m->disk, EXT2_ROOT_INO, "/", &t, &o, &report, d);
	tree_clear(&t);
	return rc;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	struct diag d = {0};
	struct diskimage m;
	char *path;
	int writes, rc;

	if (size == 0)
		return 0;
	writes = bytes[0] & 2;
	write_image(bytes, size);
	path = memory_printf("%s/image:0", fuzz.folder);
	rc = diskimage_open(&m, path, writes, &d);
	if (rc == 0 && writes)
		rc = put_some(&m, &d);
	else if (rc == 0)
		get_all(&m, &d);
	/* A failure says why. */
	if (rc < 0 && d.count == 0)
		abort();
	diskimage_close(&m);
	diag_clear(&d);
	free(path);
	return 0;
}
