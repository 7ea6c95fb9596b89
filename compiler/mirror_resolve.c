/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "mirror_apt.h"
#include "process.h"

/* A line of --print-uris: 'URI' NAME_VERSION_ARCHITECTURE.deb SIZE DIGEST */
struct found {
	const char *name, *archive;
};

static const char apt_record[] = "apt's answer";

static int read_found(
	const char *line, size_t length, struct found *f, struct arena *a, struct diag *d)
{
	const char *text = arena_memdup(a, line, length);
	const char *end = strstr(text, "' ");
	const char *name = end ? end + 2 : "";
	size_t name_length = strcspn(name, "_ ");

	f->archive = end ? mirror_archive_in(arena_memdup(a, text, (size_t)(end - text)))
			 : NULL;
	f->name = arena_memdup(a, name, name_length);
	if (!f->archive || name[name_length] != '_' || !lock_is_name(f->name))
		return diag_fail(
			d, "%s: expected a package's URI, got \"%s\"", apt_record, text);
	return 0;
}

/* Returns their number or -1. */
static long read_all_found(
	const struct buffer *out, struct found **list, struct arena *a, struct diag *d)
{
	size_t count = 0, room = 1, length;

	for (size_t i = 0; i < out->size; i++)
		room += out->bytes[i] == '\n';
	*list = arena_alloc(a, room * sizeof(**list));
	for (const char *p = out->bytes; p && *p; p += length + (p[length] == '\n')) {
		length = strcspn(p, "\n");
		if (*p == '\'' && read_found(p, length, &(*list)[count++], a, d) < 0)
			return -1;
	}
	return (long)count;
}

/* apt's "E: Unable to locate package X" -> the word X, where it is one of ours. */
static const char *find_unknown(
	const struct buffer *err, const char *const words[], size_t count)
{
	static const char *const says[] = {
		"E: Unable to locate package ", "E: Package '"};

	for (size_t i = 0; err->bytes && i < sizeof(says) / sizeof(*says); i++) {
		const char *p = strstr(err->bytes, says[i]);
		size_t length = p ? strcspn(p + strlen(says[i]), "'\n") : 0;

		for (size_t k = 0; p && k < count; k++) {
			if (strlen(words[k]) == length &&
				strncmp(p + strlen(says[i]), words[k], length) == 0)
				return words[k];
		}
	}
	return NULL;
}

static int ask(struct mirror *m, const char *const words[], size_t count,
	struct buffer *out, const char **unknown, struct arena *a, struct diag *d)
{
	static const char *const first[] = {APT_GET, "-c", "apt.conf", "-qq", "--yes",
		"--no-remove", "--print-uris", "install"};
	CLEANUP(buffer_clear) struct buffer err = {0};
	size_t used = sizeof(first) / sizeof(*first);
	const char **argv = arena_alloc(a, (used + count + 1) * sizeof(*argv));
	int status;

	memcpy(argv, first, sizeof(first));
	memcpy(argv + used, words, count * sizeof(*words));
	status = process_run(argv, m->folder.fd, out, &err, d);
	if (status <= 0)
		return status;
	*unknown = find_unknown(&err, words, count);
	return mirror_fail(*unknown ? *unknown : words[0], &err, d);
}

static const struct control_stanza *find_record(
	const struct control_stanza *records, long count, const char *name)
{
	for (long i = 0; i < count; i++) {
		const char *package = control_value(&records[i], "Package");

		if (package && strcmp(package, name) == 0)
			return &records[i];
	}
	return NULL;
}

static int make_pins(struct mirror *m, const struct found *found, size_t count,
	struct pin *pins, struct arena *a, struct diag *d)
{
	const char **names = arena_alloc(a, (count + 1) * sizeof(*names));
	struct control_stanza *records;
	long record_count;

	for (size_t i = 0; i < count; i++)
		names[i] = found[i].name;
	record_count = mirror_read_records(m, names, count, 0, &records, a, d);
	if (record_count < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct control_stanza *s =
			find_record(records, record_count, found[i].name);

		if (!s)
			return diag_fail(d, "%s: apt has no record of it", found[i].name);
		if (mirror_read_pin(s, found[i].archive, &pins[i], d) < 0)
			return -1;
	}
	return 0;
}

int mirror_resolve(struct mirror *m, const char *const words[], size_t count,
	const struct buffer *status, struct pin **pins, size_t *pin_count,
	const char **unknown, struct arena *a, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer out = {0};
	struct found *found;
	long found_count;

	*unknown = NULL;
	*pin_count = 0;
	if (unlinkat(m->folder.fd, "status", 0) < 0)
		return diag_fail_errno(d, "status");
	if (file_create(m->folder.fd, "status", status->bytes, status->size, 0644, d) < 0)
		return -1;
	if (ask(m, words, count, &out, unknown, a, d) < 0)
		return -1;
	found_count = read_all_found(&out, &found, a, d);
	if (found_count < 0)
		return -1;
	*pins = arena_alloc(a, ((size_t)found_count + 1) * sizeof(**pins));
	*pin_count = (size_t)found_count;
	if (found_count == 0)
		return 0;
	return make_pins(m, found, (size_t)found_count, *pins, a, d);
}
