/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jsontext: JSON as people like to read it: sorted keys, two spaces a level, and numbers
 * as the shortest text that reads back as the same number (0.45, which jansson writes as
 * 0.45000000000000001). */
#ifndef HOST_JSONTEXT_H
#define HOST_JSONTEXT_H

#include <jansson.h>

#include "common/memory.h"

/* Adds the value; its first line continues the current one, `level` levels deep. */
void jsontext_add(struct buffer *b, const json_t *value, int level);
/* The value on one line, without any white space. */
void jsontext_add_line(struct buffer *b, const json_t *value);
/* "beta=1.7 gamma=0.45": an instance's parameters for people, long values cut short,
 * nothing in it that drives a terminal. */
void jsontext_add_params(struct buffer *b, const json_t *params);

/* What the file holds, without a name twice in an object; NULL where that cannot be read,
 * is larger or makes no sense. New reference. */
json_t *jsontext_read(int dirfd, const char *path, size_t limit_bytes);

/* 1 where arrays and objects stand in each other more than `levels` deep: what is
 * indented for each of them grows far beyond what it was read from. */
int jsontext_is_deeper(const json_t *value, int levels);

#endif
