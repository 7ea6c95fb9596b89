/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "memory.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CHUNK_BYTES 1024
#define CHUNK_BYTES (64 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, room;
	alignas(max_align_t) char bytes[];
};

void memory_stop(void)
{
	char line[64];
	int size = snprintf(line, sizeof(line), "%.32s: out of memory\n",
		program_invocation_short_name);

	(void)!write(STDERR_FILENO, line, (size_t)size);
	_exit(memory_exit_status);
}

void *memory_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		memory_stop();
	return p;
}

void *memory_resize(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (!p)
		memory_stop();
	return p;
}

int memory_is_zero(const void *bytes, size_t size)
{
	const char *p = bytes;

	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

char *memory_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(memory_alloc(size), text, size);
}

char *memory_vprintf(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		memory_stop();
	return text;
}

char *memory_printf(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	return text;
}

/* Many arenas live shortly and hold a path or two. */
static size_t next_room(const struct arena_chunk *last)
{
	if (!last)
		return FIRST_CHUNK_BYTES;
	return last->room < CHUNK_BYTES / 2 ? last->room * 2 : CHUNK_BYTES;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->chunks;
	size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	void *p;

	if (need < size)
		memory_stop();
	if (!c || c->room - c->used < need) {
		size_t room = next_room(c);

		if (room < need)
			room = need;
		c = memory_alloc(sizeof(*c) + room);
		c->room = room;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += need;
	return p;
}

char *arena_memdup(struct arena *a, const void *bytes, size_t size)
{
	char *p = arena_alloc(a, size + 1);

	if (size)
		memcpy(p, bytes, size);
	return p;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_memdup(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *text, *copy;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	copy = arena_strdup(a, text);
	free(text);
	return copy;
}

/* What `to` has room for stays in use: its first chunk stays the first. */
void arena_move(struct arena *to, struct arena *from)
{
	struct arena_chunk **end = &to->chunks;

	if (*end)
		end = &(*end)->next;
	while (from->chunks) {
		struct arena_chunk *c = from->chunks;

		from->chunks = c->next;
		c->next = *end;
		*end = c;
	}
}

void arena_clear(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *c = a->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	a->chunks = NULL;
}

void buffer_add(struct buffer *b, const void *bytes, size_t size)
{
	if (b->room - b->size <= size) {
		if (size > SIZE_MAX / 4 - b->size)
			memory_stop();
		b->room = (b->size + size + 1) * 3 / 2 + 256;
		b->bytes = memory_resize(b->bytes, b->room);
	}
	if (size)
		memcpy(b->bytes + b->size, bytes, size);
	b->size += size;
	b->bytes[b->size] = '\0';
}

void buffer_add_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text));
}

void buffer_printf(struct buffer *b, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	buffer_add_text(b, text);
	free(text);
}

void buffer_clear(struct buffer *b)
{
	free(b->bytes);
	*b = (struct buffer){0};
}
