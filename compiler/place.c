/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "place.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/memory.h"

static int fail_with(struct diag *d, const struct place *p, const char *text)
{
	if (!p || !p->file)
		return diag_fail(d, "%s", text);
	if (!p->field)
		return diag_fail_at(d, p->file, p->line, "%s", text);
	return diag_fail_at(d, p->file, p->line, "%s: %s", p->field, text);
}

int place_fail(struct diag *d, const struct place *p, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	fail_with(d, p, text);
	free(text);
	return -1;
}

int place_fail_all(struct diag *to, const struct place *p, struct diag *from)
{
	for (size_t i = 0; i < from->count; i++)
		fail_with(to, p, from->lines[i].text);
	diag_clear(from);
	return -1;
}
