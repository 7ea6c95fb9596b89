/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control.h"

#include <stdlib.h>
#include <string.h>

/* What is being read: fields of the stanza that is open, stanzas that are finished. */
struct reader {
	struct control_field *fields;
	size_t field_count;
	struct control_stanza *stanzas;
	size_t stanza_count;
	struct arena *arena;
};

static void close_stanza(struct reader *r)
{
	struct control_field *kept;

	if (r->field_count == 0)
		return;
	kept = arena_alloc(r->arena, r->field_count * sizeof(*kept));
	memcpy(kept, r->fields, r->field_count * sizeof(*kept));
	r->stanzas =
		memory_resize(r->stanzas, (r->stanza_count + 1) * sizeof(*r->stanzas));
	r->stanzas[r->stanza_count++] = (struct control_stanza){
		.fields = kept, .count = r->field_count, .line = kept[0].line};
	r->field_count = 0;
}

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *trimmed(struct arena *a, const char *start, const char *end)
{
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	return arena_memdup(a, start, (size_t)(end - start));
}

static int add_field(struct reader *r, const char *start, const char *end, int line)
{
	const char *colon = memchr(start, ':', (size_t)(end - start));

	if (!colon || colon == start)
		return -1;
	for (const char *p = start; p < colon; p++) {
		if (*p <= ' ' || *p >= 0x7f)
			return -1;
	}
	r->fields = memory_resize(r->fields, (r->field_count + 1) * sizeof(*r->fields));
	r->fields[r->field_count++] = (struct control_field){
		.name = arena_memdup(r->arena, start, (size_t)(colon - start)),
		.value = trimmed(r->arena, colon + 1, end),
		.line = line};
	return 0;
}

static int read_line(struct reader *r, const char *start, const char *end, int line)
{
	const char *p = start;

	while (p < end && is_space(*p))
		p++;
	if (p == end) {
		close_stanza(r);
		return 0;
	}
	if (*start == '#')
		return 0;
	if (is_space(*start))
		return r->field_count > 0 ? 0 : -1;
	return add_field(r, start, end, line);
}

long control_parse(const char *text, size_t size, const char *name,
	struct control_stanza **stanzas, struct arena *a, struct diag *d)
{
	struct reader r = {.arena = a};
	const char *end = text + size;
	long rc = 0;
	int line = 1;

	for (const char *p = text; p < end && rc == 0; line++) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		if (!stop)
			stop = end;
		if (memchr(p, '\0', (size_t)(stop - p)) ||
			read_line(&r, p, stop, line) < 0)
			rc = diag_fail_at(
				d, name, line, "expected a line \"Field: value\"");
		p = stop + 1;
	}
	if (rc == 0) {
		close_stanza(&r);
		rc = (long)r.stanza_count;
		*stanzas = arena_alloc(a, r.stanza_count * sizeof(**stanzas) + 1);
		if (rc > 0)
			memcpy(*stanzas, r.stanzas, r.stanza_count * sizeof(**stanzas));
	}
	free(r.fields);
	free(r.stanzas);
	return rc;
}

const struct control_field *control_find(const struct control_stanza *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++) {
		if (strcmp(s->fields[i].name, name) == 0)
			return &s->fields[i];
	}
	return NULL;
}

const char *control_value(const struct control_stanza *s, const char *name)
{
	const struct control_field *f = control_find(s, name);

	return f ? f->value : NULL;
}
