/* SPDX-License-Identifier: GPL-2.0-or-later */
/* partitions: the partition table of a raw disk image, by libfdisk: read where it is an
 * MBR with its logical partitions, a GPT, or none; written as an MBR. Offsets and sizes
 * are in bytes. */
#ifndef COMPILER_PARTITIONS_H
#define COMPILER_PARTITIONS_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"

#define PARTITION_WHOLE 0 /* the image itself, whatever table it has */
#define PARTITION_ANY (-1)

struct partition {
	int number; /* as sfdisk counts: logical ones of an MBR from 5 on */
	uint64_t offset, size;
};

struct partitions {
	const char *table; /* "dos", "gpt", or NULL: none */
	const struct partition *list;
	size_t count;
	uint64_t size; /* of the image */
};

/* Reads the table of an open image; `name` is what messages call it. The list belongs to
 * the arena. 0 or -1. */
int partitions_read(
	struct partitions *p, int fd, const char *name, struct arena *a, struct diag *d);

/* Which part of the image is meant: a number, PARTITION_WHOLE, or PARTITION_ANY: the only
 * partition, or the image where it has no table. Else, and where it reaches over the
 * image's end, -1 with a message that lists what there is. */
int partitions_choose(const struct partitions *p, int fd, const char *name, int number,
	struct partition *chosen, struct diag *d);

/* "1, 2 or 5" */
const char *partitions_numbers(const struct partitions *p, struct arena *a);

#define PARTITIONS_PRIMARY 4

/* Gives an open image an MBR with these Linux partitions, of sectors of 512 bytes, at
 * most PARTITIONS_PRIMARY of them; the first is the active one. The id is the disk's own.
 * The same arguments give the same bytes; the boot code is zeros. Not synced. */
int partitions_write(int fd, const char *name, const struct partition *list, size_t count,
	uint32_t id, struct diag *d);

#endif
