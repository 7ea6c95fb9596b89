/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_receive: what an agent sends to `wurun get`. Whatever that is, nothing comes to be
 * outside of the folder that is meant, and nothing in it is set-id.
 *
 * The input is read as messages, each of a byte that says which, one with the size of
 * what follows, and that; or as bytes on the wire. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "runtime/host/receive.h"

#define FOLDER "/tmp/wu-fuzz-receive-XXXXXX"
#define WAIT_MS 1000
#define WIRE_LIMIT 65536 /* what a socket holds in any case */
#define BYTES_LIMIT (1 << 20)
#define ENTRIES_LIMIT 1000
#define OPEN_FOLDERS 16

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

static char folder[] = FOLDER;
static int top; /* the folder: "out" is in it, nothing else */

static void clean_up(void)
{
	struct diag d = {0};

	file_remove_tree(AT_FDCWD, folder, &d);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!mkdtemp(folder))
		abort();
	atexit(clean_up);
	top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static void note(void *context, const char *name, const char *why)
{
	(void)context;
	if (!*name || !*why)
		abort();
}

/* What begins a message's bytes, so that it need not be guessed. */
static const struct {
	const char *word, *start;
} kinds[] = {{"file", "644 3 "}, {"file", "4755 0 "}, {"file", "600 "},
	{"folder", "755 "}, {"folder", "2777 "}, {"folder", ""}, {"data", ""},
	{"link", ""}, {"leave", ""}, {"end", ""}, {"error", ""}, {"other", ""},
	{NULL, NULL}};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

static void add_messages(struct buffer *b, const unsigned char *bytes, size_t size)
{
	while (size >= 2) {
		size_t kind = bytes[0] % KINDS;
		size_t count = bytes[1] < size - 2 ? bytes[1] : size - 2;

		if (kinds[kind].word)
			buffer_printf(b, "%s %zu\n%s", kinds[kind].word,
				strlen(kinds[kind].start) + count, kinds[kind].start);
		buffer_add(b, bytes + 2, count);
		bytes += 2 + count;
		size -= 2 + count;
	}
}

/* A connection on which all of it has come, and nothing more will. */
static int connect_to(const char *bytes, size_t size)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) <
			0 ||
		send(ends[1], bytes, size, 0) != (ssize_t)size)
		abort();
	close(ends[1]);
	return ends[0];
}

static void receive_all(struct control *c, int out)
{
	struct receive r = {.file = -1,
		.bytes_left = BYTES_LIMIT,
		.entries_left = ENTRIES_LIMIT,
		.skipped = note};
	struct control_message m;
	struct diag d = {0};
	int rc;

	r.folders[0] = out;
	while ((rc = control_next(c, &m, WAIT_MS, &d)) == 0 &&
		strcmp(m.word, "end") != 0 && (rc = receive_take(&r, &m, &d)) == 0)
		;
	/* A failure says why. */
	if ((rc < 0) != (d.count > 0))
		abort();
	receive_close(&r);
	diag_clear(&d);
}

static int look_at(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)path;
	(void)where;
	if (kind == FTW_NS || (!S_ISLNK(st->st_mode) && (st->st_mode & 06000)))
		abort();
	return 0;
}

static void look(void)
{
	struct dirent **list;
	int count = scandirat(top, ".", &list, NULL, NULL);
	char *path = memory_printf("%s/out", folder);

	if (count != 3) /* itself, its parent and "out" */
		abort();
	while (count)
		free(list[--count]);
	free(list);
	if (nftw(path, look_at, OPEN_FOLDERS, FTW_PHYS) != 0)
		abort();
	free(path);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size)
{
	CLEANUP(buffer_clear) struct buffer wire = {0};
	struct control c = CONTROL_NONE;
	struct diag d = {0};
	CLEANUP(file_close) int out = -1;

	add_messages(&wire, bytes, size);
	if (mkdirat(top, "out", 0700) < 0)
		abort();
	out = openat(top, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	c.fd = connect_to(wire.bytes, wire.size < WIRE_LIMIT ? wire.size : WIRE_LIMIT);
	receive_all(&c, out);
	control_close(&c);
	look();
	if (file_remove_tree(top, "out", &d) < 0)
		abort();
	return 0;
}
