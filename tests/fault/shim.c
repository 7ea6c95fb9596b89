/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shim: preloaded into a program, it counts the calls that change files, or those that
 * allocate memory, and lets one of them go wrong. From the environment:
 *   FAULT_AT=N       the N-th call that the kind counts; 0: none, but every one is logged
 *   FAULT_KIND=KIND  see kinds[] below
 *   FAULT_LOG=FD     where a line is written for the call that was hit: its name, a tab,
 *                    its file or, for memory, its caller
 *   FAULT_LACKS=…    what the file system has not: any of "links,exchange,copies"
 *   FAULT_STEP=N,IN,OUT  instead of FAULT_AT, for memory, from the FAULT_AT-th on every
 *                    N-th: a child goes on with it from there, which saves the way up to
 *                    it. OUT gets a struct step for each; a byte from IN is waited for.
 *                    Ends where the first file was changed or a second thread started.
 * Standard output and error are left alone, and what was opened for reading only. */
#undef _FILE_OFFSET_BITS
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum kind {
	NONE,
	ERROR_IO,
	ERROR_SPACE,
	SHORT,
	KILL,
	KILLED,
	INTERRUPT,
	MEMORY,
	NO_MEMORY
};
enum verdict { ASIDE, PASS, FAIL, HALF, LAST };

static const struct {
	const char *name;
	enum kind kind;
} kinds[] = {
	{"eio", ERROR_IO},			   /* the call fails, nothing is done */
	{"enospc", ERROR_SPACE}, {"short", SHORT}, /* half of the bytes are written */
	{"kill", KILL},				   /* the program dies before the call */
	{"killed", KILLED},			   /* and after it */
	{"interrupt", INTERRUPT},		   /* Ctrl-C before the call */
	{"memory", MEMORY},			   /* one allocation fails */
	{"no-memory", NO_MEMORY},		   /* and all that follow it */
};

static enum kind kind;
static unsigned long at, calls;
static int log_fd = -1, lacks_links, lacks_exchange, lacks_copies;

static unsigned long stride, step_in, step_out;

static int is_memory(void)
{
	return kind == MEMORY || kind == NO_MEMORY;
}

__attribute__((constructor)) static void start(void)
{
	const char *name = getenv("FAULT_KIND"), *number = getenv("FAULT_AT");
	const char *fd = getenv("FAULT_LOG"), *lacks = getenv("FAULT_LACKS");
	const char *step = getenv("FAULT_STEP");

	if (lacks) {
		lacks_links = strstr(lacks, "links") != NULL;
		lacks_exchange = strstr(lacks, "exchange") != NULL;
		lacks_copies = strstr(lacks, "copies") != NULL;
	}
	if (!name || !number || !fd)
		return;
	if (step)
		sscanf(step, "%lu,%lu,%lu", &stride, &step_in, &step_out);
	log_fd = atoi(fd);
	at = strtoul(number, NULL, 10);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(name, kinds[i].name) == 0)
			kind = kinds[i].kind;
}

/* No stdio and no heap from here on: what is counted must not be our own. */
static void note(const char *call, const char *what)
{
	char line[2 * PATH_MAX + 64];
	size_t size = 0;

	for (; *call && size < 60; call++)
		line[size++] = *call;
	line[size++] = '\t';
	for (; *what && size < sizeof(line) - 1; what++)
		line[size++] = *what;
	line[size++] = '\n';
	syscall(SYS_write, log_fd, line, size);
}

static size_t read_descriptor(int fd, char *name, size_t room)
{
	char link[32] = "/proc/self/fd/", digits[12];
	size_t end = strlen(link);
	int n = 0;
	long size;

	do
		digits[n++] = (char)('0' + fd % 10);
	while ((fd /= 10) > 0);
	while (n > 0)
		link[end++] = digits[--n];
	size = syscall(SYS_readlinkat, AT_FDCWD, link, name, room);
	return size < 0 ? 0 : (size_t)size;
}

/* The path as it is, or below the descriptor's. */
static void note_file(const char *call, int fd, const char *path)
{
	char name[2 * PATH_MAX];
	size_t size = 0;

	if (fd >= 0 && (!path || path[0] != '/'))
		size = read_descriptor(fd, name, PATH_MAX);
	if (path && size)
		name[size++] = '/';
	for (; path && *path && size < sizeof(name) - 1; path++)
		name[size++] = *path;
	name[size] = '\0';
	note(call, name);
}

/* What becomes of a call on a file; path NULL: the descriptor's. `size` is what it is to
 * write, 0 where it writes nothing. */
static enum verdict judge(const char *call, int fd, const char *path, size_t size)
{
	int saved = errno;
	unsigned long n;

	if (kind == NONE || (!path && (fd == 1 || fd == 2 || fd == log_fd)) ||
		(kind == SHORT && size < 2))
		return ASIDE;
	if (is_memory())
		return PASS;
	n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (n == at || at == 0)
		note_file(call, fd, path);
	errno = saved;
	if (n != at)
		return PASS;
	if (kind == KILL)
		syscall(SYS_kill, getpid(), SIGKILL);
	if (kind == INTERRUPT)
		syscall(SYS_kill, getpid(), SIGINT);
	if (kind == SHORT)
		return HALF;
	if (kind == KILLED)
		return LAST;
	errno = kind == ERROR_IO ? EIO : ENOSPC;
	return kind == INTERRUPT ? PASS : FAIL;
}

static void tell_step(unsigned long n, int ended, int status)
{
	struct step s = {.call = n, .ended = ended, .status = status};
	char go;

	if (syscall(SYS_write, (int)step_out, &s, sizeof(s)) != sizeof(s) || ended ||
		syscall(SYS_read, (int)step_in, &go, 1) != 1)
		_exit(0);
}

/* A child goes on with the n-th call as the one that is hit. */
static void step_to(unsigned long n)
{
	int status;
	pid_t child;

	if (!__libc_single_threaded)
		tell_step(n, 1, 0);
	if (n != at)
		return;
	child = fork();
	if (child == 0) {
		stride = 0;
		alarm(FAULT_SECONDS);
		return;
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		_exit(1); /* the driver sees that nothing comes any more */
	at += stride;
	alarm(2 * FAULT_SECONDS);
	tell_step(n, 0, status);
}

/* After a call that may have changed files. */
static long end(enum verdict v, long rc)
{
	if (stride && v != ASIDE && rc >= 0)
		tell_step(__atomic_load_n(&calls, __ATOMIC_RELAXED) + 1, 1, 0);
	if (v == LAST)
		syscall(SYS_kill, getpid(), SIGKILL);
	return rc;
}

#define TRY(v, call)                                                                     \
	do {                                                                             \
		enum verdict v_ = (v);                                                   \
		return v_ == FAIL ? -1 : end(v_, (call));                                \
	} while (0)

ssize_t write(int fd, const void *bytes, size_t size)
{
	enum verdict v = judge("write", fd, NULL, size);

	TRY(v, syscall(SYS_write, fd, bytes, v == HALF ? size / 2 : size));
}

ssize_t writev(int fd, const struct iovec *list, int count)
{
	TRY(judge("writev", fd, NULL, 0), syscall(SYS_writev, fd, list, count));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
	enum verdict v = judge("pwrite64", fd, NULL, size);

	TRY(v, syscall(SYS_pwrite64, fd, bytes, v == HALF ? size / 2 : size, offset));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	return pwrite64(fd, bytes, size, offset);
}

static size_t total(const struct iovec *list, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += list[i].iov_len;
	return size;
}

/* Half of a list is its first part, or half of that. */
ssize_t pwritev64(int fd, const struct iovec *list, int count, off64_t offset)
{
	enum verdict v = judge("pwritev", fd, NULL, total(list, count));
	struct iovec part = count > 0 ? list[0] : (struct iovec){0};

	if (v == HALF && (count > 1 || part.iov_len > 1)) {
		part.iov_len = (part.iov_len + 1) / 2;
		list = &part;
		count = 1;
	}
	TRY(v, syscall(SYS_pwritev, fd, list, count, offset, offset >> 32));
}

ssize_t pwritev(int fd, const struct iovec *list, int count, off_t offset)
{
	return pwritev64(fd, list, count, offset);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset,
	size_t size, unsigned flags)
{
	enum verdict v;

	if (lacks_copies) {
		errno = EXDEV;
		return -1;
	}
	v = judge("copy_file_range", to, NULL, size);
	TRY(v, syscall(SYS_copy_file_range, from, from_offset, to, to_offset,
		       v == HALF ? size / 2 : size, flags));
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size)
{
	TRY(judge("sendfile", to, NULL, 0),
		syscall(SYS_sendfile, to, from, offset, size));
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
	return sendfile64(to, from, offset, size);
}

int ftruncate64(int fd, off64_t size)
{
	TRY(judge("ftruncate", fd, NULL, 0), (int)syscall(SYS_ftruncate, fd, size));
}

int ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
	TRY(judge("fallocate", fd, NULL, 0),
		(int)syscall(SYS_fallocate, fd, mode, offset, size));
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
	return fallocate64(fd, mode, offset, size);
}

int fsync(int fd)
{
	TRY(judge("fsync", fd, NULL, 0), (int)syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
	TRY(judge("fdatasync", fd, NULL, 0), (int)syscall(SYS_fdatasync, fd));
}

int syncfs(int fd)
{
	TRY(judge("syncfs", fd, NULL, 0), (int)syscall(SYS_syncfs, fd));
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (flags && lacks_exchange) {
		errno = EINVAL;
		return -1;
	}
	TRY(judge("renameat2", to_dir, to, 0),
		(int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	TRY(judge("renameat", to_dir, to, 0),
		(int)syscall(SYS_renameat, from_dir, from, to_dir, to));
}

int rename(const char *from, const char *to)
{
	TRY(judge("rename", AT_FDCWD, to, 0), (int)syscall(SYS_rename, from, to));
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (lacks_links) {
		errno = EXDEV;
		return -1;
	}
	TRY(judge("linkat", to_dir, to, 0),
		(int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}

int link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *target, int dirfd, const char *path)
{
	TRY(judge("symlinkat", dirfd, path, 0),
		(int)syscall(SYS_symlinkat, target, dirfd, path));
}

int symlink(const char *target, const char *path)
{
	TRY(judge("symlink", AT_FDCWD, path, 0), (int)syscall(SYS_symlink, target, path));
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	TRY(judge("mkdirat", dirfd, path, 0),
		(int)syscall(SYS_mkdirat, dirfd, path, mode));
}

int mkdir(const char *path, mode_t mode)
{
	TRY(judge("mkdir", AT_FDCWD, path, 0), (int)syscall(SYS_mkdir, path, mode));
}

int unlinkat(int dirfd, const char *path, int flags)
{
	TRY(judge("unlinkat", dirfd, path, 0),
		(int)syscall(SYS_unlinkat, dirfd, path, flags));
}

int unlink(const char *path)
{
	TRY(judge("unlink", AT_FDCWD, path, 0), (int)syscall(SYS_unlink, path));
}

int rmdir(const char *path)
{
	TRY(judge("rmdir", AT_FDCWD, path, 0), (int)syscall(SYS_rmdir, path));
}

int fchmod(int fd, mode_t mode)
{
	TRY(judge("fchmod", fd, NULL, 0), (int)syscall(SYS_fchmod, fd, mode));
}

int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
{
	(void)flags;
	TRY(judge("fchmodat", dirfd, path, 0),
		(int)syscall(SYS_fchmodat, dirfd, path, mode));
}

int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
	TRY(judge("utimensat", dirfd, path, 0),
		(int)syscall(SYS_utimensat, dirfd, path, times, flags));
}

int futimens(int fd, const struct timespec times[2])
{
	TRY(judge("utimensat", fd, NULL, 0),
		(int)syscall(SYS_utimensat, fd, NULL, times, 0));
}

/* Linux has closed a descriptor even where close() fails. */
int close(int fd)
{
	int saved = errno;
	int mode = fd < 0 ? -1 : (int)syscall(SYS_fcntl, fd, F_GETFL);
	enum verdict v = ASIDE;
	long rc;

	errno = saved;
	if (mode >= 0 && !(mode & O_PATH) && (mode & O_ACCMODE) != O_RDONLY)
		v = judge("close", fd, NULL, 0);
	saved = errno;
	rc = syscall(SYS_close, fd);
	if (v == FAIL) {
		errno = saved;
		return -1;
	}
	return (int)end(v, rc);
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	int makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (makes)
		mode = va_arg(args, mode_t);
	va_end(args);
	TRY(makes ? judge("openat", dirfd, path, 0) : ASIDE,
		(int)syscall(SYS_openat, dirfd, path, flags, mode));
}

int openat(int dirfd, const char *path, int flags, ...)
	__attribute__((alias("openat64")));

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
		mode = va_arg(args, mode_t);
	va_end(args);
	return openat64(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) __attribute__((alias("open64")));

/* The C library's own makes its file out of our sight. */
int mkostemp64(char *pattern, int flags)
{
	int (*next)(char *, int) = (int (*)(char *, int))dlsym(RTLD_NEXT, "mkostemp64");

	TRY(judge("openat", AT_FDCWD, pattern, 0), next(pattern, flags));
}

int mkostemp(char *pattern, int flags)
{
	return mkostemp64(pattern, flags);
}

/* Allocation. */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void note_caller(const void *caller)
{
	char text[64] = "?";
	const char *name = text;
	uintptr_t offset = (uintptr_t)caller;
	Dl_info info;
	size_t size;

	if (dladdr(caller, &info) && info.dli_fname) {
		name = strrchr(info.dli_fname, '/');
		name = name ? name + 1 : info.dli_fname;
		offset -= (uintptr_t)info.dli_fbase;
	}
	/* "libfoo.so.1+1234", for addr2line */
	size = strlen(name) < 40 ? strlen(name) : 40;
	memmove(text, name, size);
	text[size++] = '+';
	for (int shift = 28; shift >= 0; shift -= 4)
		text[size++] = "0123456789abcdef"[offset >> shift & 15];
	text[size] = '\0';
	note("malloc", text);
}

static int is_refused(const void *caller)
{
	unsigned long n;

	if (!is_memory())
		return 0;
	n = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (stride)
		step_to(n);
	if (stride)
		return 0;
	if (n == at || at == 0)
		note_caller(caller);
	if (n == at || (n > at && at && kind == NO_MEMORY)) {
		errno = ENOMEM;
		return 1;
	}
	return 0;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size)
{
	return is_refused(CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_refused(CALLER) ? NULL : __libc_calloc(count, size);
}

/* Of size 0 it frees. */
void *realloc(void *old, size_t size)
{
	return size && is_refused(CALLER) ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return bytes && is_refused(CALLER) ? NULL : __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t size)
{
	return is_refused(CALLER) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return is_refused(CALLER) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
	void *bytes = is_refused(CALLER) ? NULL : __libc_memalign(alignment, size);

	if (!bytes)
		return ENOMEM;
	*p = bytes;
	return 0;
}
