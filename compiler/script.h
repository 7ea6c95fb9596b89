/* SPDX-License-Identifier: GPL-2.0-or-later */
/* script: a unit's run.sh, from the template that the binary carries; a launching script.
 */
#ifndef COMPILER_SCRIPT_H
#define COMPILER_SCRIPT_H

#include "base.h"
#include "common/memory.h"
#include "plan.h"

/* Appends the script's text. */
void script_render(struct buffer *b, const struct plan *p, const struct base *base);
/* Appends NAME='value', quoted for a shell. */
void script_add_setting(struct buffer *b, const char *name, const char *value);
/* Appends a launching script that becomes the program that the words call. */
void script_render_command(struct buffer *b, const char *const *words, size_t count);

#endif
