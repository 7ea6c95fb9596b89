/* SPDX-License-Identifier: GPL-2.0-or-later */
/* room: whether the host's memory holds one more guest. What is left counts, less what
 * the guests that run may still come to use of theirs, so that nothing is swapped out. */
#ifndef HOST_ROOM_H
#define HOST_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "instance.h"

struct room {
	uint64_t guest_bytes; /* that one takes at most */
	uint64_t again_ms;    /* when to look again, where there was none */
	int is_short;
};

void room_init(struct room *r, const struct manifest *m);
/* 1 where one more may start beside these. The first always may. */
int room_has(struct room *r, const struct instance *list, size_t count);

#endif
