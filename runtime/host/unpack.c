/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "common/file.h"
#include "common/text.h"
#include "jail.h"

#define NOTES_LIMIT 100
#define REPORT_LIMIT_BYTES (1u << 20)
#define MEMORY_LIMIT_BYTES (1ULL << 30)
#define CPU_SECONDS_BASE 60
#define BYTES_PER_CPU_SECOND (20u << 20)
#define DESCRIPTOR_LIMIT (EXTRACT_DEPTH_LIMIT + 32)

/* The child's descriptors. */
enum { CHILD_IMAGE = 3, CHILD_DEST, CHILD_REPORT };

/* The report: items of a letter, a text and a NUL. */
#define ITEM_SKIPPED 'S'
#define ITEM_DAMAGED 'D'
#define ITEM_LIMITED 'L'
#define ITEM_NO_DISK 'N' /* nothing of it can be read */
#define ITEM_HOST 'H'
#define ITEM_TOTALS 'T'
#define ITEM_END 'E' /* comes last, always */

/* --- in the child --- */

static void say(char item, const char *text)
{
	size_t size = strlen(text) + 2;
	char *bytes = memory_alloc(size);

	bytes[0] = item;
	memcpy(bytes + 1, text, size - 1);
	if (file_write(CHILD_REPORT, bytes, size) < 0)
		_exit(1);
	free(bytes);
}

struct notes {
	uint64_t counts[EXTRACT_NOTES];
};

static void tell(
	void *context, enum extract_note kind, const char *path, const char *text)
{
	static const char items[EXTRACT_NOTES] = {
		[EXTRACT_SKIPPED] = ITEM_SKIPPED,
		[EXTRACT_DAMAGED] = ITEM_DAMAGED,
		[EXTRACT_LIMITED] = ITEM_LIMITED,
	};
	struct notes *n = context;
	char *line;

	if (n->counts[kind]++ >= NOTES_LIMIT)
		return;
	line = memory_printf("%.1000s: %s", path, text);
	say(items[kind], line);
	free(line);
}

static void say_totals(const struct extract_totals *t, const struct notes *n)
{
	char *line = memory_printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
				   " %" PRIu64 " %" PRIu64 " %" PRIu64,
		t->files, t->folders, t->links, t->bytes, n->counts[EXTRACT_SKIPPED],
		n->counts[EXTRACT_DAMAGED], n->counts[EXTRACT_LIMITED]);

	say(ITEM_TOTALS, line);
	free(line);
}

static int set_jail(uint64_t image_bytes, struct diag *d)
{
	const struct jail_limits limits = {
		.memory_bytes = MEMORY_LIMIT_BYTES,
		.cpu_seconds = CPU_SECONDS_BASE + image_bytes / BYTES_PER_CPU_SECOND,
		.file_bytes = EXTRACT_FILE_LIMIT_BYTES,
		.descriptors = DESCRIPTOR_LIMIT,
	};

	return jail_enter(&limits, CHILD_DEST, d);
}

static void extract(const struct image_place *p, struct diag *d)
{
	struct extract_totals totals = {0};
	struct notes notes = {0};
	struct diag damage = {0};
	struct extract_source from = {.fs = image_open(CHILD_IMAGE, p, &damage),
		.fd = CHILD_IMAGE,
		.offset = p->offset};

	if (from.fs)
		from.folder = image_find_folder(from.fs, p, &damage);
	if (from.folder) {
		extract_all(&from, CHILD_DEST, tell, &notes, &totals, d);
	} else {
		notes.counts[EXTRACT_DAMAGED] = 1;
		say(ITEM_NO_DISK, damage.lines[0].text);
	}
	say_totals(&totals, &notes);
}

/* Ends with 0 where everything that it wrote is on the disk. */
static void run_child(const struct image_place *p)
{
	struct diag d = {0};
	char word;
	ssize_t n;

	if (set_jail(p->size_bytes, &d) == 0)
		extract(p, &d);
	if (d.count)
		say(ITEM_HOST, d.lines[0].text);
	/* The image goes first: bytes of a file that nobody has are not written out. */
	close(CHILD_IMAGE);
	say(ITEM_END, "");
	do
		n = read(CHILD_REPORT, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1 || syncfs(CHILD_DEST) < 0)
		_exit(1);
	_exit(0);
}

static void become_unpacker(int image, int dest, int report, const struct image_place *p)
{
	const int keep[] = {image, dest, report};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
		jail_keep_descriptors(keep, 3) < 0)
		_exit(1);
	run_child(p);
}

/* --- in the parent --- */

static void take_note(json_t *list, const char *text)
{
	char *visible = text_visible(text);

	if (json_array_size(list) < NOTES_LIMIT)
		json_array_append_new(list, json_string(visible));
	free(visible);
}

static void note_no_disk(struct unpack *u, const char *why)
{
	take_note(u->damaged, why);
	u->damaged_count = 1;
	u->is_no_disk = 1;
}

static int note_bad_superblock(struct unpack *u, int image, const struct image_place *p)
{
	struct diag damage = {0};

	if (image_check(image, p, &damage) == 0)
		return 0;
	note_no_disk(u, damage.lines[0].text);
	u->complete = 1;
	diag_clear(&damage);
	return -1;
}

int unpack_start(struct unpack *u, int image, const struct image_place *p, int dest,
	struct diag *d)
{
	int ends[2];

	*u = (struct unpack){.pidfd = -1, .socket = -1};
	u->skipped = json_array();
	u->damaged = json_array();
	u->limited = json_array();
	buffer_add(&u->report, "", 0);
	if (note_bad_superblock(u, image, p) < 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return diag_fail_errno(d, "unpacker");
	u->pid = child_fork(&u->pidfd, d);
	if (u->pid == 0)
		become_unpacker(image, dest, ends[1], p);
	close(ends[1]);
	u->socket = ends[0];
	if (u->pid < 0 || fcntl(u->socket, F_SETFL, O_NONBLOCK) < 0)
		return -1;
	return 0;
}

static void take_totals(struct unpack *u, const char *text)
{
	if (sscanf(text,
		    "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		    " %" SCNu64,
		    &u->totals.files, &u->totals.folders, &u->totals.links,
		    &u->totals.bytes, &u->skipped_count, &u->damaged_count,
		    &u->limited_count) != 7)
		u->flooded = 1;
}

static void take_item(struct unpack *u, char item, const char *text)
{
	if (item == ITEM_SKIPPED)
		take_note(u->skipped, text);
	else if (item == ITEM_DAMAGED)
		take_note(u->damaged, text);
	else if (item == ITEM_LIMITED)
		take_note(u->limited, text);
	else if (item == ITEM_NO_DISK)
		note_no_disk(u, text);
	else if (item == ITEM_TOTALS)
		take_totals(u, text);
	else if (item == ITEM_HOST && !u->host_failure)
		u->host_failure = text_visible(text);
	else if (item == ITEM_END)
		u->complete = 1;
}

static void take_items(struct unpack *u)
{
	const char *bytes = u->report.bytes;

	while (!u->complete && u->parsed < u->report.size) {
		const char *start = bytes + u->parsed;
		const char *end = memchr(start, '\0', u->report.size - u->parsed);

		if (!end)
			break;
		if (end > start)
			take_item(u, *start, start + 1);
		u->parsed += (size_t)(end - start) + 1;
	}
}

int unpack_read(struct unpack *u)
{
	char chunk[16384];
	ssize_t n;

	if (u->socket < 0)
		return 0;
	while (!u->complete && (n = read(u->socket, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (u->report.size + (size_t)n > REPORT_LIMIT_BYTES) {
			u->flooded = 1;
			unpack_kill(u);
			return 0;
		}
		buffer_add(&u->report, chunk, (size_t)n);
		take_items(u);
	}
	return 0;
}

void unpack_sync(struct unpack *u)
{
	/* A child that is gone shows in its status. */
	if (u->socket >= 0)
		(void)!send(u->socket, "s", 1, MSG_NOSIGNAL);
}

int unpack_reap(struct unpack *u)
{
	int status = u->pid > 0 ? child_reap(u->pid) : -1;

	u->pid = 0;
	file_close(&u->pidfd);
	file_close(&u->socket);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

void unpack_kill(const struct unpack *u)
{
	if (u->pid > 0)
		syscall(SYS_pidfd_send_signal, u->pidfd, SIGKILL, NULL, 0);
}

void unpack_clear(struct unpack *u)
{
	if (u->pid > 0) {
		unpack_kill(u);
		unpack_reap(u);
	}
	file_close(&u->pidfd);
	file_close(&u->socket);
	json_decref(u->skipped);
	json_decref(u->damaged);
	json_decref(u->limited);
	free(u->host_failure);
	buffer_clear(&u->report);
	*u = (struct unpack){.pidfd = -1, .socket = -1};
}

char *unpack_describe_loss(const struct unpack *u)
{
	const char *first = json_string_value(json_array_get(u->damaged, 0));
	const char *over = json_string_value(json_array_get(u->limited, 0));

	if (u->flooded || !u->complete)
		return memory_strdup(
			"output disk: the unpacker was ended while it read it");
	if (!first)
		return over ? memory_printf("output disk: over a limit: %s", over) : NULL;
	if (strncmp(first, "output disk: ", 13) == 0)
		return memory_strdup(first);
	return memory_printf("output disk: %s", first);
}

json_t *unpack_summarize(const struct unpack *u)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:O, s:O, s:O}", "files",
		(json_int_t)u->totals.files, "folders", (json_int_t)u->totals.folders,
		"links", (json_int_t)u->totals.links, "bytes",
		(json_int_t)u->totals.bytes, "skipped", u->skipped, "damaged", u->damaged,
		"limited", u->limited);
}
