/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest: unit.json, written for a new unit and read back from an old one
 * (docs/unit-format.md). */
#ifndef COMPILER_MANIFEST_H
#define COMPILER_MANIFEST_H

#include <jansson.h>
#include <stdint.h>

#include "base.h"
#include "common/digest.h"
#include "common/memory.h"
#include "plan.h"
#include "whole_disk.h"

/* What unit.json says of one file. */
struct artifact {
	char path[32]; /* in the unit: "base/kernel" */
	uint64_t size_bytes;
	char sha256[DIGEST_HEX];
	char key[DIGEST_HEX]; /* of all that decides its bytes; "" where that is the
				 digest */
};

struct manifest {
	const struct plan *plan;
	const char *recipe_sha256;
	const struct base *base;
	const struct artifact *artifacts; /* sorted by path */
	size_t artifact_count;
	char iso_key[DIGEST_HEX], floppy_key[DIGEST_HEX];
	char loader[DIGEST_HEX];	 /* of a disk that boots by itself; "" */
	const struct artifact *isos;	 /* one an instance, in the sweep's order */
	const struct artifact *floppies; /* the same, or NULL */
	const struct whole_disk *whole;	 /* the one disk, or NULL */
};

/* Appends the text of unit.json. */
void manifest_render(const struct manifest *m, struct buffer *b);

/* An old unit's manifest: a borrowed view of its JSON. */
struct old_unit {
	json_t *root; /* NULL: there is no old unit, or none that this version can use */
	json_t *files, *isos; /* objects: path -> entry, id -> entry */
};

/* Reads DIR/unit.json at a descriptor; whatever is wrong with it, it counts as none. */
void old_unit_read(struct old_unit *o, int dirfd);
void old_unit_clear(struct old_unit *o);

/* The entry of a file, or of an instance's CD or floppy, filled in. 1 where the old unit
 * has it. */
int old_unit_artifact(const struct old_unit *o, const char *path, struct artifact *a);
int old_unit_iso(const struct old_unit *o, const char *id, struct artifact *a);
int old_unit_floppy(const struct old_unit *o, const char *id, struct artifact *a);
/* A text of the manifest's top, or of an object in it ("base", "digest"); "" for none. */
const char *old_unit_text(const struct old_unit *o, const char *section, const char *key);

#endif
