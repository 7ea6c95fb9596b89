/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send: files and folders of the host -> messages to a guest (docs/guest.md). */
#ifndef HOST_SEND_H
#define HOST_SEND_H

#include <stdint.h>

#include "control.h"

struct send {
	struct control *control;
	int depth;
	uint64_t files, bytes;
	/* Hears of everything that is left out. */
	void (*skipped)(void *context, const char *path, const char *why);
	void *context;
};

/* Sends what the path leads to, under this name ("": the guest knows it). 0 or -1. */
int send_path(struct send *s, const char *path, const char *name, struct diag *d);

#endif
