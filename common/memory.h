/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory: allocation that ends the program with one line where memory is out, and arenas:
 * what is allocated from one is freed with it, all at once. */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* The exit status of a program that runs out of memory: each one's own. */
extern const int memory_exit_status;

/* Says so and ends the program: no caller could go on, and a message takes memory. This
 * is the one place besides main.c that does. */
_Noreturn void memory_stop(void);

/* Zeroed memory, or the end of the program. The caller frees. */
void *memory_alloc(size_t size);
/* realloc(3) that never returns NULL for a size over 0. */
void *memory_resize(void *old, size_t size);
char *memory_strdup(const char *text);
char *memory_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *memory_vprintf(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

/* 1 where all of the bytes (at least one) are 0. */
int memory_is_zero(const void *bytes, size_t size);

struct arena {
	struct arena_chunk *chunks;
};

/* Zeroed, aligned for any type, owned by the arena. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *text);
/* Copies size bytes and ends them with a NUL. */
char *arena_memdup(struct arena *a, const void *bytes, size_t size);
char *arena_printf(struct arena *a, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Gives all that `from` owns to `to`; *from is empty and reusable afterwards. */
void arena_move(struct arena *to, struct arena *from);
/* Frees everything; *a is empty and reusable afterwards. */
void arena_clear(struct arena *a);

/* A growing byte buffer; bytes is NUL-terminated once anything was added. */
struct buffer {
	char *bytes;
	size_t size, room;
};

void buffer_add(struct buffer *b, const void *bytes, size_t size);
void buffer_add_text(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void buffer_clear(struct buffer *b);

/* For `CLEANUP(x) type name`: never in a frame that Lua can longjmp through. */
#define CLEANUP(function) __attribute__((cleanup(function)))

#endif
