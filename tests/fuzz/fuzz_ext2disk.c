/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_ext2disk: a damaged file system (disk.h), for `wuc get` and, where the second bit
 * of the first byte is set, `wuc put`. */
#include <stdlib.h>

#include "common/file.h"
#include "compiler/diskimage.h"
#include "compiler/get.h"
#include "compiler/put.h"
#include "disk.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static const char *folder; /* the disk is in it */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	disk_init(&folder);
	return 0;
}

static void skip(void *context, const char *path, const char *why)
{
	(void)context;
	if (!*path || !*why)
		abort();
}

static void get_all(struct diskimage *m, struct diag *d)
{
	CLEANUP(file_close) int out = disk_open_out();
	struct get g = {
		.x = &m->disk, .top = out, .top_name = "", .skipped = skip, .d = d};

	get_begin(&g);
	get_inode(&g, EXT2_ROOT_INO, "/", NULL);
	get_end(&g);
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
	disk_write(bytes, size);
	path = memory_printf("%s/" DISK_NAME ":0", folder);
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
