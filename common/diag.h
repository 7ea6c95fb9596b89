/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diag: the messages of a failed call, in order. Functions that fail add a line and
 * return -1; only main.c prints them. A message starts with the thing it is about. */
#ifndef COMMON_DIAG_H
#define COMMON_DIAG_H

#include <stddef.h>
#include <stdio.h>

struct diag_line {
	char *text;
	int placed; /* text starts with FILE:LINE and takes no program name before it */
};

struct diag {
	struct diag_line *lines;
	size_t count;
};

/* Adds "text". Returns -1, so that a caller may `return diag_fail(…)`. */
int diag_fail(struct diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds "text: strerror(errno)". Returns -1; leaves errno as it was. */
int diag_fail_errno(struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds "file:line: text" (line 0: "file: text"), printed without a program's name.
 * Returns -1. */
int diag_fail_at(struct diag *d, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Adds a text that names its place by itself, printed without a program's name. Returns
 * -1. */
int diag_fail_text(struct diag *d, const char *text);

/* Moves every line of `from` to the end of `to`; `from` is empty afterwards. */
void diag_move(struct diag *to, struct diag *from);

/* Keeps the first lines only, and says how many more there were. */
void diag_cut_short(struct diag *d, size_t most);

/* Prints a line each: "program: text", or placed texts as they are. What is no printable
 * text in them is shown as \xNN, so that a hostile file name cannot drive the terminal.
 */
void diag_print(const struct diag *d, FILE *out, const char *program);

/* Frees the lines; *d is empty and reusable afterwards. */
void diag_clear(struct diag *d);

#endif
