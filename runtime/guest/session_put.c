/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "session.h"
#include "trail.h"

#define PARTIAL ".wu-put"
#define NEW_FILE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define OPEN_FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct put {
	struct session *s;
	struct {
		int fd;
		mode_t mode;
		int is_ours; /* made here: its mode is still to be set */
		size_t before;
	} folders[WU_CONTROL_DEPTH + 1];
	int depth;
	char name[FOLDER_NAME]; /* of the one thing, where the place is none yet; or "" */
	char file_name[FOLDER_NAME];
	int file; /* that is being written, or -1 */
	mode_t file_mode;
	uint64_t left; /* of it */
	uint64_t files, bytes;
	struct trail trail;
	size_t before; /* the trail, without the last name */
};

static int fail(struct put *p, const char *why)
{
	trail_note(&p->trail, why);
	return -1;
}

static int fail_errno(struct put *p)
{
	return fail(p, strerror(errno));
}

static int top(const struct put *p)
{
	return p->folders[p->depth].fd;
}

static int is_name(const char *s)
{
	return *s && strlen(s) < FOLDER_NAME && !strchr(s, '/') && strcmp(s, ".") &&
	       strcmp(s, "..");
}

/* "a/b" is b in a, which must be there. */
static int open_parent(struct put *p, const char *place)
{
	const char *slash = strrchr(place, '/'), *name = slash ? slash + 1 : place;
	char bytes[4096];
	struct text folder = TEXT_IN(bytes);

	text_add(&folder, slash ? "" : ".");
	text_add_bytes(&folder, place, (size_t)(name - place));
	if (!is_name(name) || folder.cut)
		return fail(p, "no such folder");
	strcpy(p->name, name);
	trail_leave(&p->trail, 0);
	trail_enter(&p->trail, bytes);
	p->folders[0].fd = open(bytes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->folders[0].fd < 0)
		return fail_errno(p);
	/* The name in it is going to be entered as any other. */
	if (!slash)
		trail_leave(&p->trail, 0);
	return 0;
}

static int open_place(struct put *p, const char *place)
{
	if (chdir(p->s->manner->folder) < 0) {
		trail_enter(&p->trail, p->s->manner->folder);
		return fail_errno(p);
	}
	trail_enter(&p->trail, place);
	p->folders[0].fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->folders[0].fd >= 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return fail_errno(p);
	return open_parent(p, place);
}

/* Enters the name in a message, or the one that was given at the start. NULL where it is
 * bad. */
static const char *choose_name(struct put *p, const char *given)
{
	const char *name = given;

	if (p->depth == 0 && *p->name)
		name = *given ? "" : p->name;
	if (is_name(name)) {
		p->before = trail_enter(&p->trail, name);
		return name;
	}
	fail(p, "a bad name");
	return NULL;
}

/* Reads octal digits up to a space. Returns what follows it, or NULL. */
static const char *take_mode(const char *s, mode_t *mode)
{
	*mode = 0;
	for (; *s >= '0' && *s <= '7' && *mode <= 0777; s++)
		*mode = *mode * 8 + (mode_t)(*s - '0');
	return *s == ' ' && *mode <= 0777 ? s + 1 : NULL;
}

static int take_folder(struct put *p, const struct message *m)
{
	mode_t mode;
	const char *rest = take_mode(m->bytes, &mode),
		   *name = rest ? choose_name(p, rest) : NULL;
	int is_ours, fd;

	if (!name || p->depth == WU_CONTROL_DEPTH)
		return fail(p, "a bad folder, or too deep a one");
	is_ours = mkdirat(top(p), name, 0700) == 0;
	if (!is_ours && errno != EEXIST)
		return fail_errno(p);
	fd = openat(top(p), name, OPEN_FOLDER);
	if (fd < 0)
		return fail_errno(p);
	p->depth++;
	p->folders[p->depth].fd = fd;
	p->folders[p->depth].mode = mode;
	p->folders[p->depth].is_ours = is_ours;
	p->folders[p->depth].before = p->before;
	return 0;
}

static int leave_folder(struct put *p)
{
	int result = 0;

	if (p->depth == 0)
		return fail(p, "a folder too many was left");
	if (p->folders[p->depth].is_ours && fchmod(top(p), p->folders[p->depth].mode) < 0)
		result = fail_errno(p);
	close(top(p));
	trail_leave(&p->trail, p->folders[p->depth].before);
	p->depth--;
	return result;
}

/* What is there already must be a file. */
static int finish_file(struct put *p)
{
	struct stat st;
	int failed = fchmod(p->file, p->file_mode) < 0;

	if (close(p->file) < 0)
		failed = 1;
	p->file = -1;
	if (!failed && fstatat(top(p), p->file_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		!S_ISREG(st.st_mode)) {
		errno = EEXIST;
		failed = 1;
	}
	if (!failed && renameat(top(p), PARTIAL, top(p), p->file_name) == 0) {
		p->files++;
		trail_leave(&p->trail, p->before);
		return 0;
	}
	fail_errno(p);
	unlinkat(top(p), PARTIAL, 0);
	return -1;
}

static int take_file(struct put *p, const struct message *m)
{
	const char *rest = take_mode(m->bytes, &p->file_mode), *name = NULL;
	char *space = rest ? strchr(rest, ' ') : NULL;

	if (space) {
		*space = '\0';
		if (text_parse_number(rest, &p->left) == 0)
			name = choose_name(p, space + 1);
	}
	if (!name)
		return fail(p, "a bad file");
	strcpy(p->file_name, name);
	unlinkat(top(p), PARTIAL, 0);
	p->file = openat(top(p), PARTIAL, NEW_FILE, 0600);
	if (p->file < 0)
		return fail_errno(p);
	return p->left ? 0 : finish_file(p);
}

static int take_data(struct put *p, const struct message *m)
{
	const char *bytes = m->bytes;
	size_t size = m->size;

	if (p->file < 0 || !size || size > p->left)
		return fail(p, "bytes that belong to no file");
	p->left -= size;
	p->bytes += size;
	while (size) {
		ssize_t put = write(p->file, bytes, size);

		if (put < 0)
			return fail_errno(p);
		bytes += put;
		size -= (size_t)put;
	}
	return p->left ? 0 : finish_file(p);
}

static int take_link(struct put *p, const struct message *m)
{
	const char *target = m->bytes + strlen(m->bytes) + 1,
		   *name = choose_name(p, m->bytes);

	if (!name || target > m->bytes + m->size || !*target)
		return fail(p, "a bad link");
	if (symlinkat(target, top(p), name) < 0)
		return fail_errno(p);
	trail_leave(&p->trail, p->before);
	return 0;
}

static int take(struct put *p, struct message *m)
{
	if (!strcmp(m->word, "data"))
		return take_data(p, m);
	if (p->file >= 0)
		return fail(p, "some of it is missing");
	if (!strcmp(m->word, "folder"))
		return take_folder(p, m);
	if (!strcmp(m->word, "leave"))
		return leave_folder(p);
	if (!strcmp(m->word, "file"))
		return take_file(p, m);
	if (!strcmp(m->word, "link"))
		return take_link(p, m);
	return fail(p, "an unknown message");
}

static void send_done(struct put *p)
{
	char bytes[64];
	struct text t = TEXT_IN(bytes);

	text_add_number(&t, p->files);
	text_add(&t, " ");
	text_add_number(&t, p->bytes);
	session_send_text(p->s, "done", &t);
}

/* Returns 0 where all has come that was announced. */
static int take_all(struct put *p, struct message *m)
{
	while (session_next(p->s, m) == 0) {
		if (!strcmp(m->word, "end") && p->depth == 0 && p->file < 0)
			return 0;
		if (take(p, m) < 0)
			return -1;
	}
	return -1;
}

static void clean_up(struct put *p)
{
	if (p->file >= 0) {
		close(p->file);
		unlinkat(top(p), PARTIAL, 0);
	}
	for (; p->depth > 0; p->depth--)
		close(top(p));
	if (top(p) >= 0)
		close(top(p));
}

void session_put(struct session *s, struct message *m)
{
	struct put p = {.s = s, .file = -1, .folders[0].fd = -1};
	const char *place, *kind;
	const struct user *user = session_user(s, m, &place);
	int taken = -1;

	trail_begin(&p.trail);
	if (!user || !*place || session_become(user) < 0) {
		trail_enter(&p.trail, "put");
		fail(&p, "a bad request");
	} else if (open_place(&p, place) == 0) {
		kind = *p.name ? "name" : "folder";
		if (session_send(s, "place", kind, strlen(kind)) == 0)
			taken = take_all(&p, m);
	}
	clean_up(&p);
	session_be_root();
	if (p.trail.problem.size)
		session_send_text(s, "error", &p.trail.problem);
	else if (taken == 0)
		send_done(&p);
}
