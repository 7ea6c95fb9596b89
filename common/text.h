/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text: bytes from a guest, a recipe or a file of anyone's, made fit for a terminal and
 * for JSON. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include "memory.h"

/* Replaces control characters (C0, DEL, C1) in place, each byte by '?'. */
void text_clean(char *text);

/* Adds size bytes as valid UTF-8 in which nothing drives a terminal: what is no text is
 * shown as \xNN. Tabs stay. */
void text_add_visible(struct buffer *b, const char *bytes, size_t size);

/* The same as a string of its own, which the caller frees. */
char *text_visible(const char *text);
/* Printed: a text, or lines, each ended by a newline. */
void text_print(const char *text, FILE *out);
void text_print_lines(const char *bytes, size_t size, FILE *out);
/* 1 where the text is visible as it is, and on one line without tabs. */
int text_is_printable(const char *text);

/* Adds the last lines of these bytes, at most `lines`, each visible and with `indent`
 * before it; empty ones at the end and carriage returns are left out. */
void text_add_last_lines(
	struct buffer *b, const char *bytes, size_t size, int lines, const char *indent);

#endif
