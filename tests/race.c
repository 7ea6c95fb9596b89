/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A preloaded library that lets a shell command, RACE_DO, win a race against a program:
 * it runs once, to its end, right before the program opens a file of the name RACE_FILE,
 * or, where RACE_READS is set, after so many reads from it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int file = -1; /* the descriptor */
static atomic_int reads;
static atomic_flag done = ATOMIC_FLAG_INIT;

static void *real(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (!f)
		abort();
	return f;
}

static void run(void)
{
	int error = errno;
	const char *command = getenv("RACE_DO");
	char *text;

	if (!command || atomic_flag_test_and_set(&done))
		return;
	text = strdup(command);
	unsetenv("LD_PRELOAD");
	if (!text || system(text) != 0)
		abort();
	free(text);
	errno = error;
}

static int is_it(const char *path)
{
	const char *name = getenv("RACE_FILE"), *slash = strrchr(path, '/');

	return name && strcmp(slash ? slash + 1 : path, name) == 0;
}

static int open_it(
	const char *function, int folder, const char *path, int flags, mode_t mode)
{
	int (*open_at)(int, const char *, int, ...) = real(function);
	int fd;

	if (is_it(path) && !getenv("RACE_READS"))
		run();
	fd = open_at(folder, path, flags, mode);
	if (is_it(path))
		file = fd;
	return fd;
}

static mode_t mode_of(int flags, va_list *args)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(*args, mode_t) : 0;
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, &args);
	va_end(args);
	return open_it("openat", folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = mode_of(flags, &args);
	va_end(args);
	return open_it("openat64", folder, path, flags, mode);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t offset)
{
	ssize_t (*read_at)(int, void *, size_t, off64_t) = real("pread64");
	const char *after = getenv("RACE_READS");
	ssize_t n = read_at(fd, bytes, size, offset);

	if (fd == file && after && ++reads == atoi(after))
		run();
	return n;
}
