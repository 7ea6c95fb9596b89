/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "session.h"
#include "trail.h"

#define OPEN_FILE (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define TARGET_BYTES 4096
#define NEITHER "neither file nor folder"

struct get {
	struct session *s;
	int depth;
	struct trail trail;
};

/* Goes on with the rest. */
static int note(struct get *g, const char *why)
{
	trail_note(&g->trail, why);
	return 0;
}

static void add_mode(struct text *t, mode_t mode)
{
	char digits[] = {(char)('0' + (mode >> 6 & 7)), (char)('0' + (mode >> 3 & 7)),
		(char)('0' + (mode & 7)), ' ', '\0'};

	text_add(t, digits);
}

/* A file that shrinks meanwhile is filled up: its size has been said. */
static int send_bytes(struct get *g, int fd, uint64_t left)
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
	return has_shrunk ? note(g, "changed while it was read") : 0;
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
	return send_bytes(g, fd, (uint64_t)st->st_size);
}

static int send_link(struct get *g, int folder, const char *name)
{
	char bytes[FOLDER_NAME + TARGET_BYTES];
	size_t size = strlen(name) + 1;
	ssize_t target = readlinkat(folder, name, bytes + size, TARGET_BYTES);

	if (target < 0)
		return note(g, strerror(errno));
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
		note(g, strerror(errno));
	} else if (S_ISREG(st.st_mode)) {
		result = send_file(g, fd, name, &st);
	} else if (S_ISDIR(st.st_mode) && g->depth == WU_CONTROL_DEPTH) {
		note(g, "too deep a folder");
	} else if (S_ISDIR(st.st_mode)) {
		add_mode(&t, st.st_mode);
		text_add(&t, name);
		result = session_send_text(g->s, "folder", &t);
		g->depth++;
		if (result == 0)
			result = folder_visit(fd, send_name, g);
		g->depth--;
		if (result < 0 && !g->s->is_over)
			result = note(g, strerror(errno));
		if (result == 0)
			result = session_send(g->s, "leave", "", 0);
	} else {
		note(g, NEITHER);
	}
	close(fd);
	return result;
}

/* What is neither file nor folder is only named: opening it might do something. */
static int send_entry(struct get *g, int folder, const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return note(g, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return send_link(g, folder, name);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return session_send(g->s, "other", name, strlen(name));
	fd = openat(folder, name, OPEN_FILE);
	if (fd < 0)
		return note(g, strerror(errno));
	return send_open(g, fd, name);
}

static int send_name(int folder, const char *name, void *context)
{
	struct get *g = context;
	size_t size = trail_enter(&g->trail, name);
	int result = send_entry(g, folder, name);

	trail_leave(&g->trail, size);
	return result;
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
	const char *name;
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return note(g, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return note(g, NEITHER);
	fd = open(path, OPEN_FILE & ~O_NOFOLLOW);
	if (fd < 0)
		return note(g, strerror(errno));
	name = name_of(path, fd, bytes);
	if (name)
		return send_open(g, fd, name);
	close(fd);
	return note(g, "has no name that a copy could have");
}

static int send_paths(struct get *g)
{
	int result = 0;

	for (size_t i = 0; i < g->s->argument_count && result == 0; i++) {
		size_t size = trail_enter(&g->trail, g->s->arguments[i]);

		result = send_path(g, g->s->arguments[i]);
		trail_leave(&g->trail, size);
	}
	return result;
}

void session_get(struct session *s, struct message *m)
{
	struct get g = {.s = s};
	const char *rest;
	const struct user *user = session_user(s, m, &rest);
	int result;

	trail_begin(&g.trail);
	if (!user || !s->argument_count || session_become(user) < 0) {
		session_fail(s, "get", "a bad request");
		return;
	}
	if (chdir(s->manner->folder) < 0) {
		size_t size = trail_enter(&g.trail, s->manner->folder);

		note(&g, strerror(errno));
		trail_leave(&g.trail, size);
	}
	result = send_paths(&g);
	session_be_root();
	if (result == 0 && g.trail.problem.size)
		session_send_text(s, "error", &g.trail.problem);
	else if (result == 0)
		session_send(s, "end", "", 0);
}
