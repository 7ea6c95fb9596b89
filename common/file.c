/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COPY_BYTES (1024 * 1024)

void file_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int file_open_plain(const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	/* Older kernels; EPERM is what some containers' filters say. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

int file_write(int fd, const void *bytes, size_t size)
{
	const char *p = bytes;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int file_write_at(int fd, const void *bytes, size_t size, off_t offset)
{
	const char *p = bytes;

	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		offset += n;
		size -= (size_t)n;
	}
	return 0;
}

ssize_t file_read_at(int fd, void *bytes, size_t size, off_t offset)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n =
			pread(fd, (char *)bytes + got, size - got, offset + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

char *file_read(
	int dirfd, const char *path, size_t limit_bytes, size_t *size, struct diag *d)
{
	/* O_NONBLOCK: a fifo in the file's place must not stop us. */
	CLEANUP(file_close)
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct buffer b = {0};
	char chunk[65536];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		diag_fail_errno(d, "%s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		diag_fail(d, "%s: not a regular file", path);
		return NULL;
	}
	buffer_add(&b, "", 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
		if ((size_t)n > limit_bytes - b.size) {
			diag_fail(d, "%s: larger than the limit of %zu bytes", path,
				limit_bytes);
			buffer_clear(&b);
			return NULL;
		}
		buffer_add(&b, chunk, (size_t)n);
	}
	if (n < 0) {
		diag_fail_errno(d, "%s", path);
		buffer_clear(&b);
		return NULL;
	}
	if (size)
		*size = b.size;
	return b.bytes;
}

int file_create(int dirfd, const char *path, const void *bytes, size_t size, mode_t mode,
	struct diag *d)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		mode & 0777);
	int failed;

	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	failed = file_write(fd, bytes, size) < 0 || fchmod(fd, mode) < 0;
	if (failed)
		diag_fail_errno(d, "%s", path);
	if (close(fd) < 0 && !failed) {
		failed = 1;
		diag_fail_errno(d, "%s", path);
	}
	if (failed)
		unlinkat(dirfd, path, 0);
	return failed ? -1 : 0;
}

/* Copies [offset, end) by read and write where the kernel cannot copy by itself; what is
 * at 0 comes to `base`. */
static int copy_by_hand(int from, int to, off_t base, off_t offset, off_t end)
{
	char *chunk = memory_alloc(COPY_BYTES);
	int rc = 0;

	while (offset < end && rc == 0) {
		size_t want =
			end - offset < COPY_BYTES ? (size_t)(end - offset) : COPY_BYTES;
		ssize_t n = pread(from, chunk, want, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENODATA;
		if (n <= 0 || file_write_at(to, chunk, (size_t)n, base + offset) < 0)
			rc = -1;
		else
			offset += n;
	}
	free(chunk);
	return rc;
}

static int copy_run(int from, int to, off_t base, off_t offset, off_t end)
{
	while (offset < end) {
		off_t in = offset, out = base + offset;
		ssize_t n =
			copy_file_range(from, &in, to, &out, (size_t)(end - offset), 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* 0 may mean a source that ended, or a filesystem that cannot: read()
		 * tells. */
		if (n == 0 || (n < 0 && (errno == EXDEV || errno == EINVAL ||
						errno == ENOSYS || errno == EOPNOTSUPP)))
			return copy_by_hand(from, to, base, offset, end);
		if (n < 0)
			return -1;
		offset += n;
	}
	return 0;
}

int file_copy_at(int from, int to, uint64_t to_offset, uint64_t size)
{
	off_t base = (off_t)to_offset, offset = 0, limit = (off_t)size;

	while (offset < limit) {
		off_t start = lseek(from, offset, SEEK_DATA);
		off_t end;

		if (start < 0 && errno == ENXIO)
			break; /* only a hole is left */
		if (start < 0)
			return copy_run(from, to, base, offset, limit);
		if (start >= limit)
			break;
		end = lseek(from, start, SEEK_HOLE);
		if (end < 0 || end > limit)
			end = limit;
		if (copy_run(from, to, base, start, end) < 0)
			return -1;
		offset = end;
	}
	return ftruncate(to, base + limit);
}

int file_copy(int from, int to, uint64_t size)
{
	struct stat st;

	/* A clone is of the whole file. */
	if (fstat(from, &st) == 0 && (uint64_t)st.st_size == size &&
		ioctl(to, FICLONE, from) == 0)
		return ftruncate(to, (off_t)size);
	return file_copy_at(from, to, 0, size);
}

static int copy_to_new(
	int from_dir, const char *from, int to_dir, const char *to, struct diag *d)
{
	CLEANUP(file_close)
	int in = openat(from_dir, from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int out, failed;

	if (in < 0 || fstat(in, &st) < 0)
		return diag_fail_errno(d, "%s", from);
	out = openat(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return diag_fail_errno(d, "%s", to);
	failed = file_copy(in, out, (uint64_t)st.st_size) < 0 ||
		 fchmod(out, st.st_mode & 0777) < 0;
	if (failed)
		diag_fail_errno(d, "%s", to);
	if (close(out) < 0 && !failed) {
		failed = 1;
		diag_fail_errno(d, "%s", to);
	}
	if (failed)
		unlinkat(to_dir, to, 0);
	return failed ? -1 : 0;
}

int file_link_or_copy(
	int from_dir, const char *from, int to_dir, const char *to, struct diag *d)
{
	if (linkat(from_dir, from, to_dir, to, 0) == 0)
		return 0;
	if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP)
		return copy_to_new(from_dir, from, to_dir, to, d);
	return diag_fail_errno(d, "%s", to);
}

/* On failure the path ends where that was. */
static int make_folder(char *path)
{
	char *slash;

	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return 0;
	slash = strrchr(path, '/');
	if (errno != ENOENT || !slash || slash == path)
		return -1;
	*slash = '\0';
	if (make_folder(path) < 0)
		return -1;
	*slash = '/';
	return mkdir(path, 0777) < 0 && errno != EEXIST ? -1 : 0;
}

int file_make_folders(const char *path, struct diag *d)
{
	char *copy;
	int rc;

	if (!*path) {
		errno = ENOENT;
		return diag_fail_errno(d, "a folder without a name");
	}
	copy = memory_strdup(path);
	rc = make_folder(copy);
	if (rc < 0)
		diag_fail_errno(d, "%s", copy);
	free(copy);
	return rc;
}

static int remove_children(int fd, const char *path, struct diag *d);

int file_remove_tree(int dirfd, const char *path, struct diag *d)
{
	int fd, rc;

	if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return diag_fail_errno(d, "%s", path);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dirfd, path, 0700, 0) == 0)
		fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	rc = remove_children(fd, path, d);
	if (rc == 0 && unlinkat(dirfd, path, AT_REMOVEDIR) < 0)
		rc = diag_fail_errno(d, "%s", path);
	return rc;
}

/* Takes ownership of fd. */
static int remove_children(int fd, const char *path, struct diag *d)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	struct stat st;
	int rc = 0;

	if (!dir) {
		close(fd);
		return diag_fail_errno(d, "%s", path);
	}
	/* Some folders of a tree may lack write permission for their own owner. */
	if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		(void)!fchmod(fd, 0700);
	while (rc == 0 && (errno = 0, e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = file_remove_tree(fd, e->d_name, d);
	}
	closedir(dir);
	return rc;
}

char *file_cache_folder(struct diag *d)
{
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (xdg && xdg[0] == '/')
		return memory_printf("%s/workunit", xdg);
	if (home && home[0] == '/')
		return memory_printf("%s/.cache/workunit", home);
	diag_fail(d, "no cache folder: set HOME or XDG_CACHE_HOME to an absolute path");
	return NULL;
}

char *file_program_folder(struct diag *d)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n < 0) {
		diag_fail_errno(d, "/proc/self/exe");
		return NULL;
	}
	path[n] = '\0';
	slash = strrchr(path, '/');
	slash[slash == path ? 1 : 0] = '\0';
	return memory_strdup(path);
}

const char *file_link_fault(const char *target, unsigned depth)
{
	static const char leads_out[] = "a symbolic link that leads out of the folder";
	const char *fault = NULL;
	int named = 0;

	if (!*target || *target == '/')
		return leads_out;
	for (const char *p = target; *p;) {
		size_t length = strcspn(p, "/");

		if (length == 2 && p[0] == '.' && p[1] == '.') {
			if (depth-- == 0)
				return leads_out;
			/* The name may be another link's. */
			if (named)
				fault = "a symbolic link with .. after a name, which may "
					"lead out";
		} else if (length > 1 || (length == 1 && p[0] != '.')) {
			named = 1;
			depth++;
		}
		p += length;
		p += strspn(p, "/");
	}
	return fault;
}
