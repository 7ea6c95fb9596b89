/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The length of the UTF-8 character at p, or 0 where there is none or it is a control
 * character, an overlong form, a surrogate, or one that turns the direction of text. */
static size_t printable_length(const unsigned char *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80   ? 1
			: p[0] < 0xc2 ? 0
			: p[0] < 0xe0 ? 2
			: p[0] < 0xf0 ? 3
			: p[0] < 0xf5 ? 4
				      : 0;
	uint32_t c;

	if (length == 0 || length > left)
		return 0;
	if (length == 1)
		return (p[0] >= 0x20 && p[0] != 0x7f) || p[0] == '\t' ? 1 : 0;
	c = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ||
		(c >= 0x80 && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069))
		return 0;
	return length;
}

void text_clean(char *text)
{
	size_t left = strlen(text);

	for (unsigned char *p = (unsigned char *)text; left > 0;) {
		size_t length = printable_length(p, left);

		if (length == 0)
			*p = '?';
		length += length == 0;
		p += length;
		left -= length;
	}
}

void text_add_visible(struct buffer *b, const char *bytes, size_t size)
{
	const unsigned char *p = (const unsigned char *)bytes;

	while (size > 0) {
		size_t length = printable_length(p, size);

		if (length)
			buffer_add(b, p, length);
		else
			buffer_printf(b, "\\x%02x", *p);
		length += length == 0;
		p += length;
		size -= length;
	}
}

char *text_visible(const char *text)
{
	struct buffer b = {0};

	buffer_add(&b, "", 0);
	text_add_visible(&b, text, strlen(text));
	return b.bytes;
}

void text_print(const char *text, FILE *out)
{
	char *visible = text_visible(text);

	fputs(visible, out);
	free(visible);
}

void text_print_lines(const char *bytes, size_t size, FILE *out)
{
	struct buffer b = {0};

	while (size > 0) {
		const char *end = memchr(bytes, '\n', size);
		size_t length = end ? (size_t)(end - bytes) : size;

		text_add_visible(&b, bytes, length);
		buffer_add_text(&b, "\n");
		length += end != NULL;
		bytes += length;
		size -= length;
	}
	if (b.size)
		fwrite(b.bytes, 1, b.size, out);
	buffer_clear(&b);
}

int text_is_printable(const char *text)
{
	size_t left = strlen(text), length;

	for (const unsigned char *p = (const unsigned char *)text; left > 0;
		p += length, left -= length) {
		length = printable_length(p, left);
		if (length == 0 || *p == '\t')
			return 0;
	}
	return 1;
}

static int is_blank(char c)
{
	return c == '\n' || c == '\r' || c == ' ';
}

void text_add_last_lines(
	struct buffer *b, const char *bytes, size_t size, int lines, const char *indent)
{
	size_t start;

	while (size > 0 && is_blank(bytes[size - 1]))
		size--;
	for (start = size; start > 0; start--)
		if (bytes[start - 1] == '\n' && --lines == 0)
			break;
	while (start < size) {
		const char *end = memchr(bytes + start, '\n', size - start);
		size_t length = end ? (size_t)(end - bytes) - start : size - start;
		size_t shown = length;

		while (shown > 0 && bytes[start + shown - 1] == '\r')
			shown--;
		buffer_add_text(b, indent);
		text_add_visible(b, bytes + start, shown);
		buffer_add_text(b, "\n");
		start += length + 1;
	}
}
