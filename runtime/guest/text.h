/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text: bytes one after the other in a caller's buffer, always ended by a NUL. What does
 * not fit is left out and `cut` is set; nothing is ever allocated. */
#ifndef GUEST_TEXT_H
#define GUEST_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *bytes;
	size_t room, size;
	int cut;
};

/* Takes over an array as an empty text. */
#define TEXT_IN(array) text_in((array), sizeof(array))
struct text text_in(char *bytes, size_t room);

void text_add_bytes(struct text *t, const void *bytes, size_t size);
void text_add(struct text *t, const char *s);
void text_add_number(struct text *t, uint64_t number);
/* A JSON string in quotes. Bytes that are no UTF-8 become U+FFFD. */
void text_add_json(struct text *t, const char *s);
/* s as one word of a line: bytes outside the printable ASCII become '?'. */
void text_add_word(struct text *t, const char *s);
/* Forgets what was added since the text had this size. */
void text_cut_back(struct text *t, size_t size);

/* Reads decimal digits that end with the string. Returns 0 or -1. */
int text_parse_number(const char *s, uint64_t *number);

#endif
