/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image: folders and archives, merged -> one ext4 image, and a listing of it. The old
 * files, or none, stay where it fails or is interrupted. */
#ifndef COMPILER_IMAGE_H
#define COMPILER_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "ext4.h"

struct image_options {
	const char *const *sources; /* folders, tar and zip files */
	size_t source_count;
	const char *path;
	const char *listing; /* the mtree file, "-" for standard output, or NULL */
	unsigned keep;	     /* of enum keep */
	int64_t epoch;	     /* of all whose time is not kept, seconds */
	struct ext4_options ext4;
};

struct image_report {
	size_t files;
	uint64_t size_bytes;
};

/* 0 or -1. */
int image_build(
	const struct image_options *o, struct image_report *report, struct diag *d);

#endif
