/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What getdents64(2) fills in: readdir(3) would bring the heap along. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static int is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* A name that is longer than the format of any disk allows is passed over. */
static int better(const char *name, const char *after, const char *best)
{
	return !is_dot(name) && strlen(name) < FOLDER_NAME && strcmp(name, after) > 0 &&
	       (!*best || strcmp(name, best) < 0);
}

int folder_next(int folder, const char *after, char name[FOLDER_NAME])
{
	char previous[FOLDER_NAME], best[FOLDER_NAME] = "";
	_Alignas(struct entry) char bytes[2048];
	long size;

	/* name may be the same array as after */
	strcpy(previous, after);
	if (lseek(folder, 0, SEEK_SET) < 0)
		return -1;
	while ((size = syscall(SYS_getdents64, folder, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < size;) {
			const struct entry *e = (const struct entry *)(bytes + at);

			if (better(e->name, previous, best))
				strcpy(best, e->name);
			at += e->size;
		}
	}
	if (size < 0)
		return -1;
	strcpy(name, best);
	return *best ? 1 : 0;
}

int folder_visit(int folder, int (*visit)(int folder, const char *name, void *context),
	void *context)
{
	_Alignas(struct entry) char bytes[2048];
	long size;
	int result = 0;

	if (lseek(folder, 0, SEEK_SET) < 0)
		return -1;
	while ((size = syscall(SYS_getdents64, folder, bytes, sizeof(bytes))) > 0) {
		for (long at = 0; at < size && !result;) {
			const struct entry *e = (const struct entry *)(bytes + at);

			if (!is_dot(e->name) && strlen(e->name) < FOLDER_NAME)
				result = visit(folder, e->name, context);
			at += e->size;
		}
		if (result)
			return result;
	}
	return size < 0 ? -1 : 0;
}

ssize_t folder_read_file(int folder, const char *path, char *bytes, size_t room)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t size = 0;
	ssize_t got;

	if (fd < 0)
		return -1;
	do
		got = read(fd, bytes + size, room - size);
	while ((got > 0 && (size += (size_t)got) < room) || (got < 0 && errno == EINTR));
	close(fd);
	if (got < 0)
		return -1;
	if (size == room) {
		errno = EFBIG;
		return -1;
	}
	bytes[size] = '\0';
	return (ssize_t)size;
}
