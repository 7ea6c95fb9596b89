/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "text.h"

/* Takes ownership of text. */
static void add(struct diag *d, char *text, int placed)
{
	d->lines = memory_resize(d->lines, (d->count + 1) * sizeof(*d->lines));
	d->lines[d->count++] = (struct diag_line){.text = text, .placed = placed};
}

int diag_fail(struct diag *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(d, memory_vprintf(fmt, args), 0);
	va_end(args);
	return -1;
}

int diag_fail_errno(struct diag *d, const char *fmt, ...)
{
	int saved = errno;
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	add(d, memory_printf("%s: %s", text, strerror(saved)), 0);
	free(text);
	errno = saved;
	return -1;
}

int diag_fail_at(struct diag *d, const char *file, int line, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	if (line > 0)
		add(d, memory_printf("%s:%d: %s", file, line, text), 1);
	else
		add(d, memory_printf("%s: %s", file, text), 1);
	free(text);
	return -1;
}

int diag_fail_text(struct diag *d, const char *text)
{
	add(d, memory_strdup(text), 1);
	return -1;
}

void diag_cut_short(struct diag *d, size_t most)
{
	size_t more = d->count > most ? d->count - most : 0;

	if (more == 0)
		return;
	while (d->count > most)
		free(d->lines[--d->count].text);
	diag_fail(d, "%zu more problems are not shown", more);
}

void diag_move(struct diag *to, struct diag *from)
{
	for (size_t i = 0; i < from->count; i++)
		add(to, from->lines[i].text, from->lines[i].placed);
	free(from->lines);
	*from = (struct diag){0};
}

void diag_print(const struct diag *d, FILE *out, const char *program)
{
	for (size_t i = 0; i < d->count; i++) {
		if (!d->lines[i].placed)
			fprintf(out, "%s: ", program);
		text_print(d->lines[i].text, out);
		fputc('\n', out);
	}
}

void diag_clear(struct diag *d)
{
	for (size_t i = 0; i < d->count; i++)
		free(d->lines[i].text);
	free(d->lines);
	*d = (struct diag){0};
}
