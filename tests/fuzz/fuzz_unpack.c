/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_unpack: a damaged file system (disk.h), unpacked as `wurun unpack --folder /` does
 * it, but without the jail. */
#include <fcntl.h>
#include <stdlib.h>

#include "common/file.h"
#include "disk.h"
#include "runtime/host/extract.h"
#include "runtime/host/image.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static int folder;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path;

	(void)argc;
	(void)argv;
	folder = disk_init(&path);
	return 0;
}

static void tell(
	void *context, enum extract_note note, const char *path, const char *text)
{
	(void)context;
	(void)note;
	if (!*path || !*text)
		abort();
}

static void extract(int fd, ext2_filsys fs, ext2_ino_t top)
{
	CLEANUP(file_close) int out = disk_open_out();
	struct extract_source from = {.fs = fs, .fd = fd, .folder = top};
	struct extract_totals totals = {0};
	struct diag d = {0};

	/* A failure of this side says why. */
	if (extract_all(&from, out, tell, NULL, &totals, &d) < 0 && d.count == 0)
		abort();
	diag_clear(&d);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	const struct image_place place = {
		.size_bytes = DISK_BYTES, .folder = "/", .pristine = -1};
	CLEANUP(file_close) int fd = -1;
	ext2_filsys fs = NULL;
	ext2_ino_t top = 0;
	struct diag d = {0};

	if (size == 0)
		return 0;
	disk_write(bytes, size);
	fd = openat(folder, DISK_NAME, O_RDONLY | O_CLOEXEC);
	if (image_check(fd, &place, &d) == 0)
		fs = image_open(fd, &place, &d);
	if (fs)
		top = image_find_folder(fs, &place, &d);
	if (top)
		extract(fd, fs, top);
	else if (d.count == 0)
		abort();
	if (fs)
		ext2fs_free(fs);
	diag_clear(&d);
	return 0;
}
