/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "runtime/unit.h"

/* Of a machine without a disk: its firmware has looked for something to boot. */
#define FIRMWARE_ANSWER "enter handle_18"

static void keep(struct console *c, const char *bytes, size_t size)
{
	size_t room = CONSOLE_HEAD_BYTES - c->head.size;
	size_t part = size < room ? size : room;

	buffer_add(&c->head, bytes, part);
	bytes += part;
	size -= part;
	if (size > 0 && !c->tail)
		c->tail = memory_alloc(CONSOLE_TAIL_BYTES);
	for (size_t i = 0; i < size; i++)
		c->tail[c->tail_bytes++ % CONSOLE_TAIL_BYTES] = bytes[i];
}

static void look_at_line(struct console *c)
{
	const char *panic;

	c->line[c->length] = '\0';
	c->length = 0;
	panic = strstr(c->line, "Kernel panic - not syncing");
	if (panic && !c->panicked) {
		c->panicked = 1;
		snprintf(c->panic, sizeof(c->panic), "%s", panic);
		text_clean(c->panic);
		c->out_of_memory = strstr(panic, "deadlocked on memory") ||
				   strstr(panic, "ut of memory");
	}
	if (strstr(c->line, WU_PROBE_ANSWER) || strstr(c->line, FIRMWARE_ANSWER))
		c->answered = 1;
}

void console_feed(struct console *c, const char *bytes, size_t size)
{
	keep(c, bytes, size);
	for (size_t i = 0; i < size; i++) {
		char byte = bytes[i];

		if (byte == '\n' || c->length == sizeof(c->line) - 1)
			look_at_line(c);
		if (byte != '\n' && byte != '\r' && byte != '\0')
			c->line[c->length++] = byte;
	}
}

/* What was kept, in order. */
static void gather(const struct console *c, struct buffer *b)
{
	uint64_t at = c->tail_bytes % CONSOLE_TAIL_BYTES;

	buffer_add(b, c->head.bytes, c->head.size);
	if (c->tail_bytes > CONSOLE_TAIL_BYTES) {
		buffer_printf(b, "\n[%" PRIu64 " bytes left out]\n",
			c->tail_bytes - CONSOLE_TAIL_BYTES);
		buffer_add(b, c->tail + at, CONSOLE_TAIL_BYTES - at);
	}
	if (c->tail_bytes > 0)
		buffer_add(b, c->tail, at);
}

int console_save(const struct console *c, int dirfd, const char *path, struct diag *d)
{
	struct buffer b = {0};
	int rc;

	gather(c, &b);
	rc = file_create(dirfd, path, b.bytes, b.size, 0644, d);
	buffer_clear(&b);
	return rc;
}

void console_add_last_lines(
	const struct console *c, struct buffer *b, int lines, const char *indent)
{
	struct buffer all = {0};

	gather(c, &all);
	text_add_last_lines(b, all.bytes, all.size, lines, indent);
	buffer_clear(&all);
}

void console_clear(struct console *c)
{
	buffer_clear(&c->head);
	free(c->tail);
	*c = (struct console){0};
}
