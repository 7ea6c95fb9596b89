/* SPDX-License-Identifier: GPL-2.0-or-later */
/* relay: a guest's live output on its way to one of our own descriptors. It never blocks:
 * what cannot be written yet is kept, up to a limit; what is over it is dropped. */
#ifndef HOST_RELAY_H
#define HOST_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "common/memory.h"

struct relay {
	int fd; /* -1: nobody reads it (any more) */
	struct buffer queue;
	size_t written;	  /* of the queue */
	uint64_t dropped; /* bytes */
};

void relay_add(struct relay *r, const char *bytes, size_t size);
/* 1 where something waits for the descriptor to be ready. */
int relay_is_waiting(const struct relay *r);
/* Writes a part; to be called when poll() says that the descriptor takes some. */
void relay_write(struct relay *r);
/* Writes all that waits, until stop becomes readable. */
void relay_flush(struct relay *r, int stop);
void relay_clear(struct relay *r);

#endif
