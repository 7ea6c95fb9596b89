/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "session.h"

#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define TARGET_BYTES 4096

struct get {
	struct session *s;
	int depth;
	char problem_bytes[512];
	struct text problem; /* the first */
};

/* Goes on with the rest. */
static int note(struct get *g, const char *what, const char *why)
{
	if (g->problem.size)
		return 0;
	text_add(&g->problem, what);
	text_add(&g->problem, ": ");
	text_add(&g->problem, why);
	return 0;
}

static void add_mode(struct text *t, mode_t mode)
{
	char digits[] = {(char)('0' + (mode >> 6 & 7)), (char)('0' + (mode >> 3 & 7)),
		(char)('0' + (mode & 7)), ' ', '\0'};

	text_add(t, digits);
}

/* A file that shrinks meanwhile is filled up: its size has been said. */
static int send_bytes(struct get *g, int fd, const char *name, uint64_t left)
{
	char bytes[WU_CONTROL_CHUNK];
	int has_shrunk = 0;

	while (left) {
		size_t size = left < sizeof(bytes) ? (size_t)left : sizeof(bytes),
		       have = 0;
		ssize_t got = 1;

		while (have < size && got > 0) {
			got = read(fd, bytes + have, size - have);
			have += got > 0 ? (size_t)got : 0;
		}
		memset(bytes + have, 0, size - have);
		has_shrunk |= have < size;
		if (session_look(g->s) < 0 || session_send(g->s, "data", bytes, size) < 0)
			return -1;
		left -= size;
	}
	return has_shrunk ? note(g, name, "changed while it was read") : 0;
}

static int send_file(struct get *g, int fd, const char *name, const struct stat *st)
{
	char bytes[FOLDER_NAME + 40];
	struct text t = TEXT_IN(bytes);

	add_mode(&t, st->st_mode);
	text_add_number(&t, (uint64_t)st->st_size);
	text_add(&t, " ");
	text_add(&t, name);
	if (session_send_text(g->s, "file", &t) < 0)
		return -1;
	return send_bytes(g, fd, name, (uint64_t)st->st_size);
}

static int send_link(struct get *g, int folder, const char *name)
{
	char bytes[FOLDER_NAME + TARGET_BYTES];
	size_t size = strlen(name) + 1;
	ssize_t target = readlinkat(folder, name, bytes + size, TARGET_BYTES);

	if (target < 0)
		return note(g, name, strerror(errno));
	memcpy(bytes, name, size);
	return session_send(g->s, "link", bytes, size + (size_t)target);
}

static int send_name(int folder, const char *name, void *context);

/* Takes the descriptor. Returns 0, or -1 where the connection is over. */
static int send_open(struct get *g, int fd, const char *name)
{
	char bytes[FOLDER_NAME + 8];
	struct text t = TEXT_IN(bytes);
	struct stat st;
	int result = 0;

	if (fstat(fd, &st) < 0) {
		note(g, name, strerror(errno));
	} else if (S_ISREG(st.st_mode)) {
		result = send_file(g, fd, name, &st);
	} else if (S_ISDIR(st.st_mode) && g->depth == WU_CONTROL_DEPTH) {
		note(g, name, "too deep a folder");
	} else if (S_ISDIR(st.st_mode)) {
		add_mode(&t, st.st_mode);
		text_add(&t, name);
		result = session_send_text(g->s, "folder", &t);
		g->depth++;
		if (result == 0)
			result = folder_visit(fd, send_name, g);
		g->depth--;
		if (result < 0 && !g->s->is_over)
			result = note(g, name, strerror(errno));
		if (result == 0)
			result = session_send(g->s, "leave", "", 0);
	}
	close(fd);
	return result;
}

static int send_name(int folder, const char *name, void *context)
{
	struct get *g = context;
	struct stat st;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return note(g, name, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return send_link(g, folder, name);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	fd = openat(folder, name, OPEN_FILE);
	if (fd < 0)
		return note(g, name, strerror(errno));
	return send_open(g, fd, name);
}

/* The last part of a path; of one that ends otherwise, that of where it leads. */
static const char *name_of(const char *path, int fd, char bytes[4096])
{
	char link[40];
	struct text t = TEXT_IN(link);
	const char *name = strrchr(path, '/');
	ssize_t size;

	name = name ? name + 1 : path;
	if (*name && strcmp(name, ".") && strcmp(name, "..") &&
		strlen(name) < FOLDER_NAME)
		return name;
	text_add(&t, "/proc/self/fd/");
	text_add_number(&t, (uint64_t)fd);
	size = readlink(link, bytes, 4095);
	bytes[size > 0 ? size : 0] = '\0';
	name = strrchr(bytes, '/');
	return name && name[1] ? name + 1 : NULL;
}

/* A path that is asked for by itself may be a link. */
static int send_path(struct get *g, const char *path)
{
	char bytes[4096];
	int fd = open(path, OPEN_FILE & ~O_NOFOLLOW);
	const char *name = fd < 0 ? NULL : name_of(path, fd, bytes);

	if (fd < 0)
		return note(g, path, strerror(errno));
	if (!name) {
		close(fd);
		return note(g, path, "has no name that a copy could have");
	}
	return send_open(g, fd, name);
}

void session_get(struct session *s, struct message *m)
{
	struct get g = {.s = s};
	const char *rest;
	const struct user *user = session_user(s, m, &rest);
	int result = 0;

	g.problem = TEXT_IN(g.problem_bytes);
	if (!user || !s->argument_count || session_become(user) < 0) {
		session_fail(s, "get", "a bad request");
		return;
	}
	if (chdir(s->manner->folder) < 0)
		note(&g, s->manner->folder, strerror(errno));
	for (size_t i = 0; i < s->argument_count && result == 0; i++)
		result = send_path(&g, s->arguments[i]);
	session_be_root();
	if (result == 0 && g.problem.size)
		session_send_text(s, "error", &g.problem);
	else if (result == 0)
		session_send(s, "end", "", 0);
}
