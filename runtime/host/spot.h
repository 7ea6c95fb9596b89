/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spot: values of the manifest, read strictly. Each get returns 0, or -1 with a message
 * that says where, what was expected and what was found. */
#ifndef HOST_SPOT_H
#define HOST_SPOT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"

/* Where in the manifest a value stands, for messages: "units/sir/unit.json: machine". */
struct spot {
	const char *unit;
	const char *above; /* "machine.", "files[\"app.img\"]." or "" */
	struct diag *d;
};

/* Returns -1. */
int spot_complain(
	const struct spot *s, const char *key, const char *wanted, const json_t *got);
int spot_get_number(const struct spot *s, const json_t *in, const char *key,
	uint64_t least, uint64_t most, uint64_t *value);
int spot_get_text(const struct spot *s, const json_t *in, const char *key, size_t limit,
	const char *wanted, const char **text);
int spot_get_choice(const struct spot *s, const json_t *in, const char *key,
	const char *one, const char *other, const char **text);
int spot_get_digest(
	const struct spot *s, const json_t *in, const char *key, const char **text);
/* A boolean; absent it is false. */
int spot_get_flag(const struct spot *s, const json_t *in, const char *key, int *value);
/* A relative path without empty, "." or ".." parts. */
int spot_is_plain_path(const char *path);

#endif
