/* SPDX-License-Identifier: GPL-2.0-or-later */
/* params: the forms of an instance's parameters (docs/unit-format.md, "Parameters"). */
#ifndef COMPILER_PARAMS_H
#define COMPILER_PARAMS_H

#include "common/memory.h"
#include "iso.h"
#include "plan.h"

/* The shortest decimal that reads back as x; whole numbers without a point. x is finite.
 */
const char *params_number_text(double x, char text[32]);

/* Appends a JSON string with its quotes, in UTF-8, escaping only what JSON demands. */
void params_add_json_string(struct buffer *b, const char *text);

/* Appends the canonical form, without a newline. */
void params_add_canonical(
	struct buffer *b, const struct sweep *s, const struct value *values);

/* Gives an instance its id from its values. */
void params_set_id(struct instance *i, const struct sweep *s);

#define PARAMS_FILES 4

/* The files of an instance's CD; their bytes live in the arena. */
void params_render_files(const struct sweep *s, const struct instance *i, struct arena *a,
	struct iso_file files[PARAMS_FILES]);

/* Fails where an instance has more parameters, or larger ones, than a guest takes. 0 or
 * -1. */
int params_check(const struct sweep *s, struct diag *d);

#endif
