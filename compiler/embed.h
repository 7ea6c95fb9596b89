/* SPDX-License-Identifier: GPL-2.0-or-later */
/* embed: the files that the binary carries: the Lua modules and the run script's
 * template. */
#ifndef COMPILER_EMBED_H
#define COMPILER_EMBED_H

#include <stddef.h>

#include "common/memory.h"

/* The bytes of an embedded file ("recipe.lua", "run.sh.in") and their count; a NUL
 * follows them. NULL where there is no file of this name. */
const char *embed_find(const char *name, size_t *size);

/* Adds what stands before the line @SETTINGS@ in an embedded template to the buffer, and
 * returns what follows it. */
const char *embed_begin(struct buffer *b, const char *name);

#endif
