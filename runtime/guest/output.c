/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "runtime/unit.h"

#define RECORD "result.json"
#define TEMPORARY "result.json.new"
#define NEW_FILE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

/* A disk with less room than this is full: what a script wanted did not fit. */
#define LEAST_BYTES 65536

static const char *const stream_names[OUTPUT_STREAMS] = {"stdout", "stderr"};

static int fail(struct text *problem, const char *what)
{
	int error = errno;

	text_add(problem, WU_OUTPUT_LABEL ": ");
	text_add(problem, what);
	text_add(problem, ": ");
	text_add(problem, strerror(error));
	errno = error;
	return -1;
}

/* The folder as ours, whatever an earlier run has left there. */
static int open_folder(int root)
{
	if (mkdirat(root, WU_RECORD_FOLDER, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(
		root, WU_RECORD_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int make_file(int folder, const char *name)
{
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return -1;
	return openat(folder, name, NEW_FILE, 0644);
}

/* Scripts without root must be able to make files, and not to replace .wu. */
static int set_modes(const struct output *o)
{
	if (fchmod(o->root, 01777) < 0 || fchmod(o->folder, 0755) < 0)
		return -1;
	return fchown(o->folder, 0, 0);
}

void output_init(struct output *o)
{
	*o = (struct output){-1, -1, -1, {-1, -1}, 0, 0};
}

int output_open(struct output *o, const char *mounted, struct text *problem)
{
	o->root = open(mounted, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (o->root < 0)
		return fail(problem, mounted);
	o->folder = open_folder(o->root);
	if (o->folder < 0 || set_modes(o) < 0)
		return fail(problem, WU_RECORD_FOLDER);
	if (unlinkat(o->folder, RECORD, 0) < 0 && errno != ENOENT)
		return fail(problem, WU_RECORD);
	o->record = make_file(o->folder, TEMPORARY);
	/* Blocks that are allocated now are there when the disk is full. Those that the
	 * record does not need stay behind its end: to give them back takes its time. */
	if (o->record < 0 ||
		fallocate(o->record, FALLOC_FL_KEEP_SIZE, 0, OUTPUT_RECORD_BYTES) < 0)
		return fail(problem, "no room for the record");
	for (int s = 0; s < OUTPUT_STREAMS; s++) {
		o->streams[s] = make_file(o->folder, stream_names[s]);
		if (o->streams[s] < 0)
			return fail(problem, stream_names[s]);
	}
	return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put = write(fd, bytes, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		bytes += put;
		size -= (size_t)put;
	}
	return 0;
}

void output_keep(struct output *o, enum output_stream s, const char *bytes, size_t size)
{
	if (o->lost_errno || write_all(o->streams[s], bytes, size) == 0)
		return;
	o->lost_errno = errno ? errno : EIO;
}

/* ext4 lets root go on into what is reserved for root, and nobody into the last 2 %. */
int output_is_full(const struct output *o, int as_root)
{
	struct statvfs v;
	unsigned long long left, needed = LEAST_BYTES;

	if (fstatvfs(o->root, &v) < 0)
		return 0;
	left = as_root ? v.f_bfree : v.f_bavail;
	if (as_root)
		needed += v.f_blocks / 50 * v.f_frsize;
	return left * v.f_frsize < needed || (v.f_files && !v.f_favail);
}

int output_sync(const struct output *o)
{
	return syncfs(o->root);
}

/* 1 where name in folder is the file behind fd. */
static int is_same(int folder, const char *name, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(folder, name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &by_fd) == 0 && by_name.st_ino == by_fd.st_ino &&
	       by_name.st_dev == by_fd.st_dev;
}

/* A script with root may have moved things away: they make way again. */
static int reclaim(struct output *o)
{
	if (!is_same(o->root, WU_RECORD_FOLDER, o->folder)) {
		renameat(o->root, WU_RECORD_FOLDER, o->root, WU_RECORD_FOLDER ".moved");
		close(o->folder);
		o->folder = open_folder(o->root);
		if (o->folder < 0)
			return -1;
	}
	if (o->record >= 0 && is_same(o->folder, TEMPORARY, o->record))
		return 0;
	if (o->record >= 0)
		close(o->record);
	renameat(o->folder, TEMPORARY, o->folder, TEMPORARY ".moved");
	o->record = openat(o->folder, TEMPORARY, NEW_FILE, 0644);
	return o->record < 0 ? -1 : 0;
}

int output_stage_record(struct output *o, const char *bytes, size_t size)
{
	if (reclaim(o) < 0 || lseek(o->record, 0, SEEK_SET) < 0)
		return -1;
	if (write_all(o->record, bytes, size) < 0)
		return -1;
	/* One that was staged before may have been longer. */
	if (o->is_staged && ftruncate(o->record, (off_t)size) < 0)
		return -1;
	o->is_staged = 1;
	return 0;
}

int output_commit_record(const struct output *o)
{
	if (renameat(o->folder, TEMPORARY, o->folder, RECORD) == 0)
		return 0;
	/* A folder of that name stands in the way of a file. */
	renameat(o->folder, RECORD, o->folder, RECORD ".moved");
	return renameat(o->folder, TEMPORARY, o->folder, RECORD);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void output_close(struct output *o)
{
	for (int s = 0; s < OUTPUT_STREAMS; s++)
		close_one(&o->streams[s]);
	close_one(&o->record);
	close_one(&o->folder);
	close_one(&o->root);
}
