/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage: truth-debugfs IMAGE [FOLDER]
 * What debugfs, asked as a conversation, says of an image's files or of those below a
 * folder at its top. Contents are read from the image, where debugfs says they lie. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listing.h"

#define ROOT_INODE 2
#define LARGE (16 * LISTING_BLOCK)	 /* folders */
#define LAST_WORDS "Filesystem in use: " /* of the command params */

struct conversation {
	const char *path;
	pid_t pid;
	FILE *ask, *answers;
	int image;
	char *answer; /* the last one, NUL-terminated */
	size_t size, room;
};

struct child {
	unsigned long inode;
	unsigned mode, uid, gid;
	char *name;
	uint64_t size;
};

struct children {
	struct child *list;
	size_t count, room;
};

static void fail(const char *what, const char *answer)
{
	fprintf(stderr, "truth-debugfs: %s: %.2000s\n", what, answer);
	exit(2);
}

static FILE *read_from(int fd)
{
	FILE *f = fdopen(fd, "r");

	if (!f)
		listing_die("fdopen");
	return f;
}

/* Runs debugfs with its output at *from: with what it reads from *to, or one request. */
static pid_t run(const char *image, const char *request, int *to, int *from)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		listing_die("pipe");
	pid = fork();
	if (pid < 0)
		listing_die("fork");
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execlp("debugfs", "debugfs", "-c", request ? "-R" : "-f",
			request ? request : "-", image, NULL);
		listing_die("debugfs");
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return pid;
}

static void start(struct conversation *c, const char *image)
{
	int to, from;

	c->path = image;
	c->image = open(image, O_RDONLY | O_CLOEXEC);
	if (c->image < 0)
		listing_die(image);
	c->pid = run(image, NULL, &to, &from);
	c->ask = fdopen(to, "w");
	c->answers = read_from(from);
}

static void expect_end(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0 || status != 0)
		fail("it ended badly", "");
}

static void end(struct conversation *c)
{
	fclose(c->ask);
	fclose(c->answers);
	expect_end(c->pid);
	close(c->image);
	free(c->answer);
}

static void add_line(struct conversation *c, const char *line, size_t size)
{
	if (c->size + size + 1 > c->room) {
		c->room = (c->size + size + 1) * 2;
		c->answer = listing_resize(c->answer, c->room);
	}
	memcpy(c->answer + c->size, line, size);
	c->size += size;
	c->answer[c->size] = '\0';
}

/* The line that a question is repeated in comes first. */
static void answer(struct conversation *c)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	fputs("params\n", c->ask);
	fflush(c->ask);
	c->size = 0;
	while ((n = getline(&line, &room, c->answers)) >= 0 &&
		strncmp(line, LAST_WORDS, strlen(LAST_WORDS)) != 0)
		add_line(c, line, (size_t)n);
	free(line);
	if (n < 0)
		fail("it said no more", c->size ? c->answer : "");
}

/* After the first text of that kind, which must be there. */
static const char *after(const char *answer, const char *text)
{
	const char *p = strstr(answer, text);

	if (!p)
		fail(text, answer);
	return p + strlen(text);
}

static unsigned long number_after(const char *answer, const char *text)
{
	return strtoul(after(answer, text), NULL, 10);
}

/* "/INODE/MODE/UID/GID/NAME/SIZE/": names may hold anything but a slash. */
static const char *take_child(const char *p, struct child *to)
{
	unsigned long fields[4];
	const char *name;
	char *end;

	/* sscanf(3) would look for the end of it all each time. */
	for (int i = 0; i < 4; i++) {
		fields[i] = strtoul(p + 1, &end, i == 1 ? 8 : 10);
		if (*p != '/' || end == p + 1 || *end != '/')
			fail("a line of a folder", p);
		p = end;
	}
	to->inode = fields[0];
	to->mode = (unsigned)fields[1];
	to->uid = (unsigned)fields[2];
	to->gid = (unsigned)fields[3];
	name = p + 1;
	p = strchr(name, '/');
	if (!p)
		fail("a name", name);
	to->name = listing_text("%.*s", (int)(p - name), name);
	to->size = strtoull(p + 1, NULL, 10);
	return after(p + 1, "/\n");
}

/* In a conversation, every word is written by itself: long answers are had faster by a
 * program of their own. */
static void ask_for_folder(struct conversation *c, unsigned long inode, int large)
{
	char *request = listing_text("ls -p <%lu>", inode), part[65536];
	int to, from;
	pid_t pid;
	ssize_t n;

	if (!large) {
		fprintf(c->ask, "%s\n", request);
		answer(c);
	} else {
		pid = run(c->path, request, &to, &from);
		close(to);
		c->size = 0;
		add_line(c, "\n", 1);
		while ((n = read(from, part, sizeof(part))) > 0)
			add_line(c, part, (size_t)n);
		close(from);
		expect_end(pid);
	}
	free(request);
}

static struct children list_folder(struct conversation *c, unsigned long inode, int large)
{
	struct children l = {0};
	const char *p;

	ask_for_folder(c, inode, large);
	p = strchr(c->answer, '\n');
	for (p += strspn(p, "\n"); *p == '/';) {
		struct child child;

		p = take_child(p, &child);
		/* Blocks of an index look like entries without an inode. */
		if (child.inode == 0 || strcmp(child.name, ".") == 0 ||
			strcmp(child.name, "..") == 0)
			continue;
		if (l.count == l.room) {
			l.room = l.room * 2 + 64;
			l.list = listing_resize(l.list, l.room * sizeof(*l.list));
		}
		l.list[l.count++] = child;
	}
	return l;
}

/* Adds the blocks from the image to the digest, or gives the first as a text. */
static void read_extent(struct conversation *c, struct entry *e, uint64_t first,
	uint64_t last, uint64_t physical)
{
	char block[LISTING_BLOCK];

	for (uint64_t i = first; i <= last; i++, physical++) {
		size_t size = LISTING_BLOCK;

		if (e->size < (i + 1) * LISTING_BLOCK)
			size = (size_t)(e->size - i * LISTING_BLOCK);
		if (pread(c->image, block, size, (off_t)(physical * LISTING_BLOCK)) !=
			(ssize_t)size)
			fail("a block outside the image", e->path);
		if (S_ISLNK(e->mode))
			e->target = listing_text("%.*s", (int)size, block);
		else
			listing_digest_block(&e->digest, i, block, size);
	}
	listing_add_data(&e->data, first, last);
}

/* "(0-2):900-902, (ETB0):77, (9):903"; the blocks of the map itself are left out. */
static void read_extents(struct conversation *c, struct entry *e)
{
	const char *p = strstr(c->answer, "\nEXTENTS:\n");

	e->digest = LISTING_DIGEST;
	for (p = p ? p + 10 : ""; *p == '('; p += strspn(p, ", ")) {
		uint64_t first, last, physical, until;

		if (strncmp(p, "(ETB", 4) != 0) {
			if (sscanf(p, "(%" SCNu64 "-%" SCNu64 "):%" SCNu64 "-%" SCNu64,
				    &first, &last, &physical, &until) != 4) {
				if (sscanf(p, "(%" SCNu64 "):%" SCNu64, &first,
					    &physical) != 2)
					fail("an extent", p);
				last = first;
			}
			read_extent(c, e, first, last, physical);
		}
		p += strcspn(p, " \n");
	}
}

static void read_time(const char *answer, struct entry *e)
{
	unsigned seconds, extra;

	if (sscanf(after(answer, "\n mtime: "), "0x%x:%x", &seconds, &extra) != 2)
		fail("a time", answer);
	e->mtime = (int32_t)seconds + ((int64_t)(extra & 3) << 32);
	e->mtime_ns = extra >> 2;
}

static void read_device(const char *answer, struct entry *e)
{
	if (sscanf(after(answer, "evice major/minor number: "), "%u:%u", &e->major,
		    &e->minor) != 2)
		fail("a device", answer);
}

static void read_stat(struct conversation *c, struct entry *e)
{
	const char *p;

	e->uid = (uint32_t)number_after(c->answer, "User:");
	e->gid = (uint32_t)number_after(c->answer, "Group:");
	e->links = (uint32_t)number_after(c->answer, "Links:");
	e->size = strtoull(after(c->answer, "Size:"), NULL, 10);
	read_time(c->answer, e);
	if (S_ISCHR(e->mode) || S_ISBLK(e->mode))
		read_device(c->answer, e);
	if (S_ISREG(e->mode) || S_ISLNK(e->mode))
		read_extents(c, e);
	p = strstr(c->answer, "Fast link dest: \"");
	if (S_ISLNK(e->mode) && p)
		e->target = listing_text(
			"%.*s", (int)e->size, after(p, "Fast link dest: \""));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Only some entries of such a list have an id; debugfs gives the others 0, the kernel -1.
 */
static void complete_acl(const char *name, char *value, size_t size)
{
	enum { VERSION = 4, ENTRY = 8, USER = 2, GROUP = 8 };

	if (strncmp(name, "system.posix_acl_", 17) != 0)
		return;
	for (size_t i = VERSION; i + ENTRY <= size; i += ENTRY)
		if (value[i] != USER && value[i] != GROUP)
			memset(value + i + 4, 0xff, 4);
}

static void read_value(
	struct conversation *c, struct entry *e, unsigned long inode, const char *name)
{
	size_t size, n = 0;
	const char *p;
	char *value;

	fprintf(c->ask, "ea_get -x <%lu> %s\n", inode, name);
	answer(c);
	p = strchr(c->answer, '\n') + 1;
	p = after(p, " (");
	size = strtoul(p, NULL, 10);
	value = listing_resize(NULL, size + 1);
	p = after(p, ")") + (size ? strlen(" = ") : 0);
	for (char *next; n < size; n++, p = next)
		value[n] = (char)strtoul(p, &next, 16);
	complete_acl(name, value, size);
	listing_add_xattr(&e->xattrs, name, value, size);
	free(value);
}

/* "  user.a (20) = …", a line each. */
static void read_xattrs(struct conversation *c, struct entry *e, unsigned long inode)
{
	char *names[256];
	size_t count = 0;

	fprintf(c->ask, "ea_list <%lu>\n", inode);
	answer(c);
	for (const char *p = c->answer; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, "  ", 2) == 0 && count < 256)
			names[count++] =
				listing_text("%.*s", (int)strcspn(p + 2, " "), p + 2);
	}
	qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		read_value(c, e, inode, names[i]);
		free(names[i]);
	}
}

static uint64_t read_entry(struct conversation *c, struct listing *l, const char *path,
	const struct child *child)
{
	struct entry *e = listing_add(l, path);
	uint64_t size;

	e->mode = child->mode;
	e->identity = child->inode;
	fprintf(c->ask, "stat <%lu>\n", child->inode);
	answer(c);
	read_stat(c, e);
	size = e->size;
	read_xattrs(c, e, child->inode);
	return size;
}

static void add_brief(struct listing *l, const char *path, const struct child *child)
{
	struct entry *e = listing_add(l, path);

	e->mode = child->mode;
	e->uid = child->uid;
	e->gid = child->gid;
	e->size = child->size;
	e->brief = 1;
}

static void walk(struct conversation *c, struct listing *l, unsigned long folder,
	int large, const char *above, const char *only)
{
	struct children children = list_folder(c, folder, large);

	for (size_t i = 0; i < children.count; i++) {
		struct child *child = &children.list[i];
		char *path = *above ? listing_text("%s/%s", above, child->name)
				    : listing_text("%s", child->name);

		if (only && strcmp(path, only) == 0) {
			walk(c, l, child->inode, 0, "", NULL);
		} else if (only || strcmp(path, "lost+found") == 0) {
			;
		} else if (children.count > LISTING_BRIEF) {
			add_brief(l, path, child);
		} else {
			uint64_t size = read_entry(c, l, path, child);

			if (S_ISDIR(child->mode))
				walk(c, l, child->inode, size > LARGE, path, NULL);
		}
		free(path);
		free(child->name);
	}
	free(children.list);
}

int main(int argc, char **argv)
{
	struct conversation c = {0};
	struct listing l = {0};

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: truth-debugfs IMAGE [FOLDER]\n");
		return 2;
	}
	start(&c, argv[1]);
	walk(&c, &l, ROOT_INODE, 0, "", argv[2]);
	end(&c);
	return listing_print(&l) == 0 ? 0 : 2;
}
