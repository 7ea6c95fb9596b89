/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diskformat: which format a disk image has, and that it is whole and stands alone: what
 * it names, a hypervisor would open. Images come from anyone. */
#ifndef COMPILER_DISKFORMAT_H
#define COMPILER_DISKFORMAT_H

#include "common/diag.h"
#include "plan.h"

struct diskformat {
	const char *name;	   /* of the image, for messages */
	const struct place *place; /* of what names it, or NULL */
};

/* The format of an open image: `said` where its first bytes agree, or NULL for what they
 * say. Fails where they already tell that it has another file behind it. A static name,
 * or NULL. */
const char *diskformat_find(
	const struct diskformat *f, int fd, const char *said, struct diag *d);

/* Looks at the whole of dirfd/file by qemu-img; a raw one needs none of it: its
 * partitions must lie in it. 0 or -1. */
int diskformat_check(const struct diskformat *f, int dirfd, const char *file,
	const char *format, struct diag *d);

#endif
