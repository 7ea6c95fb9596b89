/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rawcopy.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "process.h"

/* An image says how large it is: what a stranger made may say anything. */
static const struct process_limits limits = {
	.seconds = 3600, .memory_bytes = (uint64_t)4 << 30};

static int open_image(const char *image, const char *name, struct diag *d)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return diag_fail_errno(d, "%s", name);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return diag_fail(d, "%s: expected a disk image", name);
}

static int copy(int to, int from)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return -1;
	return file_copy(from, to, (uint64_t)st.st_size);
}

static int fail_convert(
	const char *name, int status, const struct buffer *err, struct diag *d)
{
	if (status > 128)
		return diag_fail(d,
			"%s: qemu-img convert was ended by signal %d: the image takes "
			"too long or too much memory",
			name, status - 128);
	return diag_fail(d, "%s: qemu-img convert: %.*s", name,
		(int)(err->size ? strcspn(err->bytes, "\n") : 0),
		err->size ? err->bytes : "");
}

/* qemu-img writes into the file that there is. */
static int convert(int dirfd, const char *file, const char *image, const char *name,
	const char *format, struct diag *d)
{
	CLEANUP(arena_clear) struct arena a = {0};
	CLEANUP(buffer_clear) struct buffer out = {0};
	CLEANUP(buffer_clear) struct buffer err = {0};
	const char *program = process_find("qemu-img", &a);
	const char *const argv[] = {
		program, "convert", "-f", format, "-O", "raw", "--", image, file, NULL};
	int status;

	if (!program)
		return diag_fail(d,
			"%s: needs qemu-img to be read, which is not installed (Debian: "
			"apt-get install qemu-utils)",
			name);
	status = process_run_within(argv, dirfd, &limits, &out, &err, d);
	return status > 0 ? fail_convert(name, status, &err, d) : status;
}

static int fill(int to, int dirfd, const char *file, const char *image, const char *name,
	const char *format, struct diag *d)
{
	CLEANUP(file_close) int from = open_image(image, name, d);

	if (from < 0)
		return -1;
	if (strcmp(format, "raw") != 0)
		return convert(dirfd, file, image, name, format, d);
	return copy(to, from) < 0 ? diag_fail_errno(d, "%s: its copy", name) : 0;
}

int rawcopy_make(int dirfd, const char *file, const char *image, const char *name,
	const char *format, struct diag *d)
{
	int to = openat(
		dirfd, file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (to < 0)
		return diag_fail_errno(d, "%s", file);
	if (fill(to, dirfd, file, image, name, format, d) == 0) {
		if (fchmod(to, 0644) == 0)
			return to;
		diag_fail_errno(d, "%s", file);
	}
	close(to);
	unlinkat(dirfd, file, 0);
	return -1;
}
