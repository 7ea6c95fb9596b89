/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <string.h>

struct text text_in(char *bytes, size_t room)
{
	bytes[0] = '\0';
	return (struct text){.bytes = bytes, .room = room};
}

/* Invariant: size < room, and bytes[size] is the NUL. */
void text_add_bytes(struct text *t, const void *bytes, size_t size)
{
	size_t left = t->room - t->size - 1;

	if (size > left) {
		size = left;
		t->cut = 1;
	}
	memcpy(t->bytes + t->size, bytes, size);
	t->size += size;
	t->bytes[t->size] = '\0';
}

void text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void text_add_number(struct text *t, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	text_add_bytes(t, digits + at, sizeof(digits) - at);
}

/* The length of the UTF-8 sequence at s, or 0 where there is none: no overlong forms, no
 * surrogates, nothing over U+10FFFF. The NUL at the end of s stops every look ahead. */
static size_t sequence_length(const unsigned char *s)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < length; i++, low = 0x80, high = 0xbf)
		if (s[i] < low || s[i] > high)
			return 0;
	return length;
}

static void add_escaped(struct text *t, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c == '"' || c == '\\') {
		escape[1] = (char)c;
		text_add_bytes(t, escape, 2);
	} else {
		text_add_bytes(t, escape, sizeof(escape));
	}
}

void text_add_json(struct text *t, const char *s)
{
	text_add(t, "\"");
	while (*s) {
		unsigned char c = (unsigned char)*s;
		size_t length = sequence_length((const unsigned char *)s);

		if (c < 0x20 || c == 0x7f || c == '"' || c == '\\')
			add_escaped(t, c);
		else if (length)
			text_add_bytes(t, s, length);
		else
			text_add(t, "\xef\xbf\xbd");
		s += length ? length : 1;
	}
	text_add(t, "\"");
}

void text_add_word(struct text *t, const char *s)
{
	for (; *s; s++)
		text_add_bytes(t, *s > ' ' && *s < 0x7f ? s : "?", 1);
}

void text_cut_back(struct text *t, size_t size)
{
	t->size = size;
	t->bytes[size] = '\0';
	t->cut = 0;
}

int text_parse_number(const char *s, uint64_t *number)
{
	uint64_t n = 0;

	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > (UINT64_MAX - 9) / 10)
			return -1;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*number = n;
	return 0;
}
