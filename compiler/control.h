/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control: Debian's text of stanzas (deb822), as lock files and apt's indexes have it:
 * "Field: value" lines, empty lines between stanzas, "#" comments. Of a folded value only
 * the first line counts: no field that we read is ever folded. */
#ifndef COMPILER_CONTROL_H
#define COMPILER_CONTROL_H

#include <stddef.h>

#include "common/diag.h"
#include "common/memory.h"

struct control_field {
	const char *name, *value;
	int line;
};

struct control_stanza {
	const struct control_field *fields;
	size_t count;
	int line; /* of its first field; the text starts with line 1 */
};

/* Splits a text into stanzas, in the arena. `name` is the file's, for messages. Returns
 * their number, or -1 with a message where a line is none of these kinds. */
long control_parse(const char *text, size_t size, const char *name,
	struct control_stanza **stanzas, struct arena *a, struct diag *d);

/* The first field of that name (case counts), or NULL. */
const struct control_field *control_find(
	const struct control_stanza *s, const char *name);
/* Its value, or NULL. */
const char *control_value(const struct control_stanza *s, const char *name);

#endif
