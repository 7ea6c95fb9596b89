/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "send.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

/* The agent may have given up: then it has said why. 0 where it has not, or -1. */
static int hear(struct send *s, struct diag *d)
{
	struct control_message m;
	int rc = control_peek(s->control, &m, d);

	return rc > 0 ? control_fail(s->control, &m, d) : rc;
}

static int send_message(
	struct send *s, const char *word, const void *bytes, size_t size, struct diag *d)
{
	struct diag why = {0};

	if (hear(s, d) < 0)
		return -1;
	if (control_send(s->control, word, bytes, size, &why) == 0)
		return 0;
	/* Its own word tells more. */
	if (hear(s, d) == 0)
		diag_move(d, &why);
	diag_clear(&why);
	return -1;
}

static int send_contents(
	struct send *s, int fd, const char *path, uint64_t size, struct diag *d)
{
	char bytes[WU_CONTROL_CHUNK];

	for (uint64_t at = 0; at < size;) {
		size_t part =
			size - at < sizeof(bytes) ? (size_t)(size - at) : sizeof(bytes);
		ssize_t got = file_read_at(fd, bytes, part, (off_t)at);

		if (got < 0)
			return diag_fail_errno(d, "%s", path);
		if ((size_t)got != part)
			return diag_fail(d, "%s: changed while it was read", path);
		if (send_message(s, "data", bytes, part, d) < 0)
			return -1;
		at += part;
	}
	s->files++;
	s->bytes += size;
	return 0;
}

static int send_file(struct send *s, int fd, const char *path, const char *name,
	const struct stat *st, struct diag *d)
{
	char *text = memory_printf("%03o %llu %s", (unsigned)st->st_mode & 0777,
		(unsigned long long)st->st_size, name);
	int rc = send_message(s, "file", text, strlen(text), d);

	free(text);
	return rc < 0 ? -1 : send_contents(s, fd, path, (uint64_t)st->st_size, d);
}

static int send_link(
	struct send *s, int folder, const char *path, const char *name, struct diag *d)
{
	char bytes[NAME_MAX + 1 + PATH_MAX];
	size_t size = strlen(name) + 1;
	ssize_t target = readlinkat(folder, name, bytes + size, PATH_MAX);

	if (target < 0)
		return diag_fail_errno(d, "%s", path);
	memcpy(bytes, name, size);
	return send_message(s, "link", bytes, size + (size_t)target, d);
}

static int send_entry(
	struct send *s, int folder, const char *path, const char *name, struct diag *d);

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int send_entries(struct send *s, int fd, const char *path, struct diag *d)
{
	struct dirent **list;
	int count = scandirat(fd, ".", &list, is_entry, compare), rc = 0;

	if (count < 0)
		return diag_fail_errno(d, "%s", path);
	for (int i = 0; i < count; i++) {
		char *below = memory_printf("%s/%s", path, list[i]->d_name);

		if (rc == 0)
			rc = send_entry(s, fd, below, list[i]->d_name, d);
		free(below);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int send_folder(struct send *s, int fd, const char *path, const char *name,
	const struct stat *st, struct diag *d)
{
	char *text;
	int rc;

	if (s->depth == WU_CONTROL_DEPTH)
		return diag_fail(
			d, "%s: more than %d folders deep", path, WU_CONTROL_DEPTH);
	text = memory_printf("%03o %s", (unsigned)st->st_mode & 0777, name);
	rc = send_message(s, "folder", text, strlen(text), d);
	free(text);
	s->depth++;
	if (rc == 0)
		rc = send_entries(s, fd, path, d);
	s->depth--;
	return rc < 0 ? -1 : send_message(s, "leave", "", 0, d);
}

static int send_open(
	struct send *s, int fd, const char *path, const char *name, struct diag *d)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return diag_fail_errno(d, "%s", path);
	if (S_ISREG(st.st_mode))
		return send_file(s, fd, path, name, &st, d);
	if (S_ISDIR(st.st_mode))
		return send_folder(s, fd, path, name, &st, d);
	s->skipped(s->context, path, "neither file nor folder");
	return 0;
}

static int send_entry(
	struct send *s, int folder, const char *path, const char *name, struct diag *d)
{
	CLEANUP(file_close) int fd = -1;
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return diag_fail_errno(d, "%s", path);
	if (S_ISLNK(st.st_mode))
		return send_link(s, folder, path, name, d);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		s->skipped(s->context, path, "neither file nor folder");
		return 0;
	}
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	return send_open(s, fd, path, name, d);
}

int send_path(struct send *s, const char *path, const char *name, struct diag *d)
{
	CLEANUP(file_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return diag_fail_errno(d, "%s", path);
	return send_open(s, fd, path, name, d);
}
