/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "depfile.h"

#include <fcntl.h>
#include <string.h>

#include "common/memory.h"
#include "common/workdir.h"

/* Backslashes are doubled only before a blank or #, as GNU make reads them. */
static void add_escaped(struct buffer *b, const char *name)
{
	for (const char *p = name; *p; p++) {
		if (*p == ' ' || *p == '\t' || *p == '#') {
			for (const char *back = p; back > name && back[-1] == '\\';
				back--)
				buffer_add_text(b, "\\");
			buffer_add_text(b, "\\");
		} else if (*p == '$') {
			buffer_add_text(b, "$");
		}
		buffer_add(b, p, 1);
	}
}

int depfile_write(const char *path, const char *target, const char *const *inputs,
	size_t count, int phony, struct diag *d)
{
	struct buffer b = {0};
	int rc;

	add_escaped(&b, target);
	buffer_add_text(&b, ":");
	for (size_t i = 0; i < count; i++) {
		if (strchr(inputs[i], '\n'))
			continue; /* make has no word for such a name */
		buffer_add_text(&b, " \\\n  ");
		add_escaped(&b, inputs[i]);
	}
	buffer_add_text(&b, "\n");
	for (size_t i = 0; phony && i < count; i++) {
		if (strchr(inputs[i], '\n'))
			continue;
		add_escaped(&b, inputs[i]);
		buffer_add_text(&b, ":\n");
	}
	rc = workdir_replace_file(AT_FDCWD, path, b.bytes, b.size, 0644, d);
	buffer_clear(&b);
	return rc;
}
