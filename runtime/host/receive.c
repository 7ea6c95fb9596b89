/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "receive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"

#define NAME_LIMIT 255
#define FILE_LIMIT (1ULL << 42)

static int fail(struct diag *d, const char *what)
{
	return diag_fail(d, "the guest sends %s", what);
}

static int top(const struct receive *r)
{
	return r->folders[r->depth];
}

static int is_name(const char *s)
{
	return *s && strlen(s) <= NAME_LIMIT && !strchr(s, '/') && strcmp(s, ".") != 0 &&
	       strcmp(s, "..") != 0;
}

/* Octal digits and a space. Returns what follows, or NULL. */
static const char *take_mode(const char *s, mode_t *mode)
{
	char *end;
	unsigned long value = *s >= '0' && *s <= '7' ? strtoul(s, &end, 8) : 01000;

	if (value > 0777 || *end != ' ')
		return NULL;
	*mode = (mode_t)value;
	return end + 1;
}

static int count_entry(struct receive *r, struct diag *d)
{
	if (r->entries_left == 0)
		return fail(d, "more files than it may");
	r->entries_left--;
	return 0;
}

static void skip(struct receive *r, const char *name, const char *why)
{
	char *path = memory_printf("%s%s", r->path.size ? r->path.bytes : "", name);

	r->skipped(r->context, path, why);
	free(path);
}

static int take_folder(struct receive *r, const struct control_message *m, struct diag *d)
{
	mode_t mode;
	const char *name = take_mode(m->bytes, &mode);
	int fd;

	if (!name || !is_name(name) || strlen(m->bytes) != m->size ||
		r->depth == WU_CONTROL_DEPTH)
		return fail(d, "a bad folder, or too deep a one");
	if (mkdirat(top(r), name, mode | 0700) < 0)
		return diag_fail_errno(d, "%s", name);
	fd = openat(top(r), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return diag_fail_errno(d, "%s", name);
	r->folders[++r->depth] = fd;
	buffer_printf(&r->path, "%s/", name);
	return 0;
}

static int leave_folder(
	struct receive *r, const struct control_message *m, struct diag *d)
{
	(void)m;
	if (r->depth == 0)
		return fail(d, "the end of a folder that did not begin");
	close(top(r));
	r->depth--;
	do
		r->path.size--;
	while (r->path.size && r->path.bytes[r->path.size - 1] != '/');
	r->path.bytes[r->path.size] = '\0';
	return 0;
}

/* Holes at its end are still to be made. */
static int finish_file(struct receive *r, struct diag *d)
{
	int failed = ftruncate(r->file, (off_t)r->file_size) < 0;

	if (close(r->file) < 0)
		failed = 1;
	r->file = -1;
	r->files++;
	return failed ? diag_fail_errno(d, "a file") : 0;
}

static int take_file(struct receive *r, const struct control_message *m, struct diag *d)
{
	const char *rest = take_mode(m->bytes, &r->file_mode), *name;
	char *end = NULL;

	r->file_size = rest && *rest >= '0' && *rest <= '9' ? strtoull(rest, &end, 10)
							    : FILE_LIMIT + 1;
	name = end && *end == ' ' ? end + 1 : "";
	if (!is_name(name) || strlen(m->bytes) != m->size || r->file_size > FILE_LIMIT)
		return fail(d, "a bad file");
	if (r->file_size > r->bytes_left)
		return fail(d, "more bytes than it may (--limit allows more)");
	r->bytes_left -= r->file_size;
	r->at = 0;
	r->file =
		openat(top(r), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			r->file_mode | 0600);
	if (r->file < 0)
		return diag_fail_errno(d, "%s", name);
	return r->file_size ? 0 : finish_file(r, d);
}

/* All the chunks but the last are full: a guest cannot go on byte by byte. */
static int take_data(struct receive *r, const struct control_message *m, struct diag *d)
{
	uint64_t left = r->file_size - r->at;

	if (r->file < 0 || m->size != (left < WU_CONTROL_CHUNK ? left : WU_CONTROL_CHUNK))
		return fail(d, "bytes that belong to no file");
	if (!memory_is_zero(m->bytes, m->size) &&
		file_write_at(r->file, m->bytes, m->size, (off_t)r->at) < 0)
		return diag_fail_errno(d, "a file");
	r->at += m->size;
	r->bytes += m->size;
	return r->at == r->file_size ? finish_file(r, d) : 0;
}

static int take_link(struct receive *r, const struct control_message *m, struct diag *d)
{
	size_t name = strlen(m->bytes);
	const char *target = m->bytes + name + 1, *fault;

	if (!is_name(m->bytes) || name + 1 >= m->size ||
		name + 1 + strlen(target) != m->size)
		return fail(d, "a bad symbolic link");
	fault = file_link_fault(target, r->depth ? (unsigned)r->depth - 1 : 0);
	if (fault) {
		skip(r, m->bytes, fault);
		return 0;
	}
	if (symlinkat(target, top(r), m->bytes) < 0)
		return diag_fail_errno(d, "%s", m->bytes);
	return 0;
}

static int take_other(struct receive *r, const struct control_message *m, struct diag *d)
{
	if (!is_name(m->bytes) || strlen(m->bytes) != m->size)
		return fail(d, "a bad name");
	skip(r, m->bytes, "neither file nor folder");
	return 0;
}

int receive_take(struct receive *r, const struct control_message *m, struct diag *d)
{
	static const struct {
		const char *word;
		int is_entry;
		int (*take)(struct receive *r, const struct control_message *m,
			struct diag *d);
	} kinds[] = {
		{"folder", 1, take_folder},
		{"leave", 0, leave_folder},
		{"file", 1, take_file},
		{"link", 1, take_link},
		{"other", 1, take_other},
	};

	if (strcmp(m->word, "data") == 0)
		return take_data(r, m, d);
	if (r->file >= 0)
		return fail(d, "less of a file than it said");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(m->word, kinds[i].word) != 0)
			continue;
		if (kinds[i].is_entry && count_entry(r, d) < 0)
			return -1;
		return kinds[i].take(r, m, d);
	}
	return fail(d, "what makes no sense");
}

int receive_is_whole(const struct receive *r)
{
	return r->depth == 0 && r->file < 0;
}

void receive_close(struct receive *r)
{
	file_close(&r->file);
	for (; r->depth > 0; r->depth--)
		close(top(r));
	buffer_clear(&r->path);
}
