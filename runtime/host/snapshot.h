/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snapshot: a guest that was saved when it was ready, and the user's store of such:
 *
 *     $XDG_CACHE_HOME/workunit/warm/KEY/{memory,state,output.img,snapshot.json}
 *
 * It holds nothing of any instance. In use it lies in sealed memory, which no QEMU can
 * write; where it was loaded from the store, its digests were checked on the way. */
#ifndef HOST_SNAPSHOT_H
#define HOST_SNAPSHOT_H

#include <stdint.h>

#include "common/diag.h"

enum snapshot_part {
	SNAPSHOT_MEMORY, /* the guest's */
	SNAPSHOT_STATE,	 /* of its devices, as QEMU migrates it */
	SNAPSHOT_OUTPUT, /* the output disk as the guest has it mounted */
	SNAPSHOT_PARTS
};

struct snapshot {
	int parts[SNAPSHOT_PARTS]; /* memfds; -1: none */
	uint64_t sizes[SNAPSHOT_PARTS];
};

#define SNAPSHOT_NONE ((struct snapshot){.parts = {-1, -1, -1}})

/* Opens the store, made where it is missing. A descriptor, or -1. */
int snapshot_open_store(struct diag *d);

/* Makes empty parts, to be filled by a QEMU; memory and output get their sizes. */
int snapshot_make(
	struct snapshot *s, uint64_t memory_bytes, uint64_t output_bytes, struct diag *d);
/* Nothing can change it any more. Returns 0 or -1. */
int snapshot_seal(struct snapshot *s, struct diag *d);

/* Puts a sealed one into the store, unless one stands there, and removes those that were
 * not used for longest: the store keeps at most SNAPSHOT_KEPT of them and
 * SNAPSHOT_KEPT_BYTES. Returns 0 or -1. */
#define SNAPSHOT_KEPT 8
#define SNAPSHOT_KEPT_BYTES (UINT64_C(2) << 30)
int snapshot_store(const struct snapshot *s, int store, const char *key, struct diag *d);

/* Returns 1 where it was loaded, and is sealed; 0 where there is none: a damaged one was
 * removed. */
int snapshot_load(struct snapshot *s, int store, const char *key);
/* 1 where there is one by its name; nothing of it is checked. */
int snapshot_is_there(int store, const char *key);

/* Takes the right to make it: a descriptor to be closed afterwards; -1 where another
 * process has it. */
int snapshot_lock(int store, const char *key);

void snapshot_clear(struct snapshot *s);

#endif
