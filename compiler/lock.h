/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lock: the Debian packages that a base is built from, pinned by version and SHA-256, in
 * a file beside the recipe: mini.lua has mini.lock. Of packages that are installed on a
 * root disk it pins all, also those that others depend on. */
#ifndef COMPILER_LOCK_H
#define COMPILER_LOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/digest.h"
#include "common/memory.h"

/* What a package is for. */
enum pin_step {
	PIN_MEMBERS,   /* files of it go into the initrd, or it is the kernel */
	PIN_ESSENTIAL, /* installed on the root disk: the system that is there first */
	PIN_PACKAGES,  /* installed on top: what the recipe asks for, and its needs */
};

/* One package. Its fields are safe to use in arguments, file names and URIs. */
struct pin {
	enum pin_step step;
	const char *asked; /* what the recipe names; often `name`, or a metapackage */
	const char *name, *version, *architecture;
	const char *archive; /* "debian" or "debian-security" */
	const char *path;    /* below the archive: "pool/main/b/busybox/…" */
	uint64_t size_bytes;
	char sha256[DIGEST_HEX];
};

struct lock {
	const char *suite; /* NULL: there is no lock file */
	/* What the recipe asks for on the root disk, "less python3", and which packages
	 * are on the one below, as a digest. NULL: pins nothing for a root disk; nothing
	 * is below. */
	const char *packages, *below;
	/* The registry's image that the root disk is made of, and the SHA-256 of its
	 * manifest; NULL where it is none. */
	const char *image;
	char image_sha256[DIGEST_HEX];
	struct pin *pins; /* sorted by step and what was asked for, none twice */
	size_t count, room;
};

/* "recipes/mini.lock" for "recipes/mini.lua". */
const char *lock_path(const char *recipe_path, struct arena *a);

/* Reads a lock file; one that is not there gives an empty lock. Strings live in a. */
int lock_read(const char *path, struct lock *l, struct arena *a, struct diag *d);
/* The same of a text in memory. */
int lock_parse(const char *text, size_t size, const char *path, struct lock *l,
	struct arena *a, struct diag *d);

/* Writes it, atomically; leaves a file alone that says the same already. */
int lock_write(
	const char *path, const struct lock *l, const char *base_name, struct diag *d);
/* The text that lock_write gives the file. */
void lock_format(const struct lock *l, const char *base_name, struct buffer *b);

/* The pin of what a recipe asks for, or NULL. */
const struct pin *lock_find(const struct lock *l, enum pin_step step, const char *asked);
/* Adds a pin, or replaces the one with the same step and `asked`. */
void lock_set(struct lock *l, const struct pin *pin, struct arena *a);
/* Takes the pins of a step away. */
void lock_drop(struct lock *l, enum pin_step step);

/* Whether a text may be a package's or a suite's name: no option, no path. */
int lock_is_name(const char *text);

/* Checks every field of a pin. Returns NULL, or what is wrong with which field. */
const char *lock_check_pin(const struct pin *pin);

#endif
