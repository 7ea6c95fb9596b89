/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit_build: a unit on its way, between what decides what it is (unit.c) and what writes
 * it (unit_make.c). */
#ifndef COMPILER_UNIT_BUILD_H
#define COMPILER_UNIT_BUILD_H

#include "disks.h"
#include "known.h"
#include "manifest.h"
#include "site.h"
#include "tree.h"
#include "unit.h"

/* One file of the unit: how it is found to be the same, and how it is made. */
struct part {
	struct artifact artifact;
	int keep;
	int fresh;		   /* a disk that was written and may be stored */
	const struct buffer *text; /* a text file's bytes */
	const char *from;	   /* a base file's name in the store */
};

enum { APP, LISTING, OUTPUT, SCRIPT, BASE };
#define MOST_PARTS (BASE + 3)

struct build {
	const struct plan *plan;
	const char *recipe_sha256;
	const struct base *base;
	const struct unit_options *options;
	struct unit_report *report;
	struct arena arena;
	struct tree tree;
	struct buffer script, manifest;
	struct part parts[MOST_PARTS];
	size_t part_count;
	char iso_key[DIGEST_HEX];
	struct artifact *isos;
	char *keep_iso;
	struct old_unit old;
	struct site site;
	struct known known;
	struct disks disks;
	struct workdir workdir; /* where the new unit is made, once it is */
	int app_written;	/* in it */
};

/* Sets the size and digest of the listing, and the app disk's key, which it decides. */
void unit_describe_app(struct build *b);

/* "params/ID.iso"; returns path. */
const char *unit_iso_path(char path[40], const char *id);
/* Makes the folder for the new unit, if it is not there yet. 0 or -1. */
int unit_begin(struct build *b, struct diag *d);
/* Writes the app disk; what its files hold is measured on the way. 0 or -1. */
int unit_write_app(struct build *b, int dirfd, struct diag *d);
/* Renders unit.json into b->manifest. */
void unit_render_manifest(struct build *b);
/* Makes all that cannot be kept, and lets the new unit take its place. 0 or -1. */
int unit_make(struct build *b, struct diag *d);
/* make(1) goes by time: what changes from when the build started is newer than the unit
 * in this folder. */
void unit_set_time(const struct build *b, int dirfd);

#endif
