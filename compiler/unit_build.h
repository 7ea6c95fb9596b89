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
#include "whole_disk.h"

enum role {
	ROLE_APP,
	ROLE_DISK, /* the one that has everything */
	ROLE_LISTING,
	ROLE_OUTPUT,
	ROLE_SCRIPT,
	ROLE_BASE
};

/* One file of the unit: how it is found to be the same, and how it is made. */
struct part {
	enum role role;
	struct artifact artifact;
	int keep;
	int fresh;		   /* a disk that was written and may be stored */
	const struct buffer *text; /* a text file's bytes */
	const char *from;	   /* a base file's name in the store */
};

#define MOST_PARTS 8

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
	struct part *disk, *listing; /* of the parts: the application's disk */
	struct whole_disk whole;     /* where that has everything */
	char loader[DIGEST_HEX];     /* and boots by itself; "" else */
	char iso_key[DIGEST_HEX], floppy_key[DIGEST_HEX];
	struct artifact *isos, *floppies; /* no floppies: NULL */
	char *keep_iso, *keep_floppy;
	struct old_unit old;
	struct site site;
	struct known known;
	struct disks disks;
	struct workdir workdir; /* where the new unit is made, once it is */
	int app_written;	/* in it */
};

/* Sets the size and digest of the listing, and the key of the disk that it is of, which
 * it decides. 0 or -1. */
int unit_describe(struct build *b, struct diag *d);

/* "params/ID.iso", "params/ID.img"; return path. */
const char *unit_iso_path(char path[40], const char *id);
const char *unit_floppy_path(char path[40], const char *id);
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

/* unit_disk.c: the one disk of the layouts single and bootable. Sets its key, and what is
 * known of it from the old unit (0 where that is nothing); makes it. */
int unit_describe_disk(struct build *b, struct diag *d);
int unit_find_disk(struct build *b);
int unit_write_disk(struct build *b, int dirfd, struct diag *d);

#endif
