/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "classify.h"
#include "common/file.h"
#include "common/memory.h"
#include "jsontext.h"

#define CRC_DIGITS 8
#define LINE_LIMIT_BYTES (64u << 10)
#define CHUNK_BYTES (256u << 10)

static int compare_entries(const void *a, const void *b)
{
	const struct journal_entry *x = a, *y = b;

	return memcmp(x->id, y->id, sizeof(x->id));
}

static void free_entry(void *entry)
{
	free(((struct journal_entry *)entry)->reason);
	free(entry);
}

static int is_id(const char *text)
{
	return text && strlen(text) == WU_ID_DIGITS &&
	       strspn(text, "0123456789abcdef") == WU_ID_DIGITS;
}

static void drop(struct journal *j, const char *id)
{
	struct journal_entry wanted = {0}, *found;
	void *node;

	memcpy(wanted.id, id, sizeof(wanted.id));
	node = tfind(&wanted, &j->entries, compare_entries);
	if (!node)
		return;
	found = *(struct journal_entry **)node;
	tdelete(&wanted, &j->entries, compare_entries);
	free_entry(found);
}

/* Takes ownership. */
static void put(struct journal *j, struct journal_entry *e)
{
	drop(j, e->id);
	e->is_new = j->is_marked;
	if (!tsearch(e, &j->entries, compare_entries))
		memory_stop();
}

static uint64_t get_number(const json_t *in, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(in, key));

	return value > 0 ? (uint64_t)value : 0;
}

static int get_status(const json_t *in, const char *key)
{
	const json_t *value = json_object_get(in, key);

	return json_is_integer(value) ? (int)json_integer_value(value) : -1;
}

/* What a line and a result.json have in common; NULL where it makes no sense. */
static struct journal_entry *make_entry(const json_t *from)
{
	const char *id = json_string_value(json_object_get(from, "id"));
	const char *class = json_string_value(json_object_get(from, "class"));
	const char *key = json_string_value(json_object_get(from, "key"));
	const char *reason = json_string_value(json_object_get(from, "reason"));
	struct journal_entry *e;

	class = class ? classify_find(class) : NULL;
	if (!is_id(id) || !class || !key || !digest_is_hex(key))
		return NULL;
	e = memory_alloc(sizeof(*e));
	memcpy(e->id, id, sizeof(e->id));
	memcpy(e->key, key, sizeof(e->key));
	e->class = class;
	e->reason = memory_strdup(reason ? reason : "");
	e->exit_status = get_status(from, "exit_status");
	e->signal = get_status(from, "signal");
	e->wall_ms = get_number(from, "wall_ms");
	e->cpu_ms = get_number(from, "cpu_ms");
	return e;
}

static void take_object(struct journal *j, const json_t *line)
{
	const char *gone = json_string_value(json_object_get(line, "gone"));
	struct journal_entry *e = gone ? NULL : make_entry(line);

	if (is_id(gone))
		drop(j, gone);
	if (!e)
		return;
	e->folder = get_number(line, "folder");
	e->limit_ms = get_number(line, "limit_ms");
	e->ended = (int64_t)get_number(line, "ended");
	put(j, e);
}

static unsigned checksum(const char *bytes, size_t size)
{
	return (unsigned)crc32(0, (const unsigned char *)bytes, (unsigned)size);
}

/* Without the newline. */
static void take_line(struct journal *j, const char *line, size_t size)
{
	char digits[CRC_DIGITS + 1] = "", wanted[CRC_DIGITS + 1];
	json_t *object;

	if (size <= CRC_DIGITS + 1 || size > LINE_LIMIT_BYTES || line[CRC_DIGITS] != ' ')
		return;
	memcpy(digits, line, CRC_DIGITS);
	line += CRC_DIGITS + 1;
	size -= CRC_DIGITS + 1;
	snprintf(wanted, sizeof(wanted), "%08x", checksum(line, size));
	if (strcmp(digits, wanted) != 0)
		return;
	object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	if (object)
		take_object(j, object);
	json_decref(object);
}

/* Takes the whole lines; returns how many bytes these are. */
static size_t take_lines(struct journal *j, const char *bytes, size_t size)
{
	size_t used = 0;
	const char *end;

	while ((end = memchr(bytes + used, '\n', size - used))) {
		take_line(j, bytes + used, (size_t)(end - bytes) - used);
		used = (size_t)(end - bytes) + 1;
	}
	return used;
}

void journal_refresh(struct journal *j)
{
	struct buffer b = {0};
	char *chunk = j->fd < 0 ? NULL : memory_alloc(CHUNK_BYTES);
	off_t at = j->read;
	ssize_t n;

	while (chunk && ((n = pread(j->fd, chunk, CHUNK_BYTES, at)) > 0 ||
				(n < 0 && errno == EINTR))) {
		size_t used;

		if (n < 0)
			continue;
		at += n;
		buffer_add(&b, chunk, (size_t)n);
		used = take_lines(j, b.bytes, b.size);
		/* A line without an end is no line, however long. */
		if (used == 0 && b.size > LINE_LIMIT_BYTES)
			used = b.size;
		memmove(b.bytes, b.bytes + used, b.size - used);
		b.size -= used;
		j->read += (off_t)used;
	}
	j->torn = b.size > 0;
	buffer_clear(&b);
	free(chunk);
}

void journal_open(int results, int make, struct journal *j)
{
	int flags = (make ? O_RDWR | O_APPEND | O_CREAT : O_RDONLY) | O_CLOEXEC |
		    O_NOFOLLOW | O_NONBLOCK;
	struct stat st;

	*j = JOURNAL_NONE;
	j->fd = openat(results, JOURNAL_FILE, flags, 0666);
	if (j->fd >= 0 && (fstat(j->fd, &st) < 0 || !S_ISREG(st.st_mode)))
		file_close(&j->fd);
	journal_refresh(j);
}

void journal_mark(struct journal *j)
{
	j->is_marked = 1;
}

void journal_close(struct journal *j)
{
	tdestroy(j->entries, free_entry);
	file_close(&j->fd);
	*j = JOURNAL_NONE;
}

const struct journal_entry *journal_find(const struct journal *j, const char *id)
{
	struct journal_entry wanted = {0};
	void *node;

	if (!is_id(id))
		return NULL;
	memcpy(wanted.id, id, sizeof(wanted.id));
	node = tfind(&wanted, &j->entries, compare_entries);
	return node ? *(struct journal_entry **)node : NULL;
}

/* One write a line: it is there, or it is torn and counts as none. Takes the reference.
 */
static void append(struct journal *j, json_t *object)
{
	struct buffer text = {0}, line = {0};
	ssize_t n;

	jsontext_add_line(&text, object);
	/* What an earlier write left half must not swallow this line. */
	buffer_printf(&line, "%s%08x %s\n", j->torn ? "\n" : "",
		checksum(text.bytes, text.size), text.bytes);
	if (j->fd >= 0) {
		n = write(j->fd, line.bytes, line.size);
		j->torn = n >= 0 ? (size_t)n < line.size : j->torn;
	}
	buffer_clear(&text);
	buffer_clear(&line);
	json_decref(object);
}

static json_t *make_line(const struct journal_entry *e)
{
	json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id",
		e->id, "class", e->class, "reason", e->reason, "key", e->key, "folder",
		(json_int_t)e->folder, "limit_ms", (json_int_t)e->limit_ms, "wall_ms",
		(json_int_t)e->wall_ms, "cpu_ms", (json_int_t)e->cpu_ms, "ended",
		(json_int_t)e->ended);

	if (e->exit_status >= 0)
		json_object_set_new(line, "exit_status", json_integer(e->exit_status));
	if (e->signal >= 0)
		json_object_set_new(line, "signal", json_integer(e->signal));
	return line;
}

void journal_add(struct journal *j, const json_t *result, uint64_t folder, int64_t ended)
{
	const json_t *host = json_object_get(result, "host");
	struct journal_entry *e = make_entry(result);

	if (!e)
		return;
	e->folder = folder;
	e->limit_ms = get_number(host, "limit_ms");
	e->ended = ended;
	append(j, make_line(e));
	put(j, e);
}

void journal_forget(struct journal *j, const char *id)
{
	if (!journal_find(j, id))
		return;
	append(j, json_pack("{s:s}", "gone", id));
	drop(j, id);
}

/* The id's own byte of the file, which need not be there. */
static struct flock make_lock(const char *id, short type)
{
	return (struct flock){.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)(1ULL << 56 | strtoull(id, NULL, 16)),
		.l_len = 1};
}

int journal_claim(struct journal *j, const char *id)
{
	struct flock lock = make_lock(id, F_WRLCK);

	return fcntl(j->fd, F_OFD_SETLK, &lock) == 0 ||
	       (errno != EAGAIN && errno != EACCES);
}

void journal_release(struct journal *j, const char *id)
{
	struct flock lock = make_lock(id, F_UNLCK);

	fcntl(j->fd, F_OFD_SETLK, &lock);
}

int journal_is_claimed(const struct journal *j, const char *id)
{
	struct flock lock = make_lock(id, F_WRLCK);

	return fcntl(j->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
