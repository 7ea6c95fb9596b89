/* SPDX-License-Identifier: GPL-2.0-or-later */
/* console: what a guest's kernel says on the serial port: its beginning and its end are
 * kept, and panics noticed on the way. */
#ifndef HOST_CONSOLE_H
#define HOST_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"

#define CONSOLE_HEAD_BYTES (128 * 1024)
#define CONSOLE_TAIL_BYTES (128 * 1024)

struct console {
	struct buffer head;
	char *tail;	     /* a ring, once the head is full */
	uint64_t tail_bytes; /* that went through it */
	char line[512];
	size_t length;
	int panicked;
	int out_of_memory; /* the panic's own reason */
	int answered;	   /* WU_PROBE_ANSWER was there, or the firmware's own */
	char panic[256];   /* the panic's line, cleaned */
};

void console_feed(struct console *c, const char *bytes, size_t size);
/* Makes the file dirfd/path with what was kept. Returns 0 or -1. */
int console_save(const struct console *c, int dirfd, const char *path, struct diag *d);
/* Adds the last lines as text_add_last_lines() does. */
void console_add_last_lines(
	const struct console *c, struct buffer *b, int lines, const char *indent);
void console_clear(struct console *c);

#endif
