/* SPDX-License-Identifier: GPL-2.0-or-later */
/* install: a disk image -> a raw copy of it whose own init starts the guest agent:
 *
 *     /usr/local/sbin/{wuguest,wuguest-start}   the agent, and what its service starts
 *     the service of the init that is found there
 *     /app /input /scripts /params /output, /var/lib/workunit/scripts: empty folders
 */
#ifndef COMPILER_INSTALL_H
#define COMPILER_INSTALL_H

#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"

struct install {
	const char *image;  /* IMAGE[:PART] */
	const char *format; /* or NULL: what the image's first bytes say */
	const char *output; /* the new file, which takes its place at once */
	int64_t epoch; /* every time stamp; -1: when the file system was written last */
};

/* What was found and made. */
struct installed {
	const char *init; /* "systemd" … */
	uint64_t size_bytes;
};

/* The image itself is only read. 0, or -1: then there is no new file. */
int install_agent(
	const struct install *i, struct installed *made, struct arena *a, struct diag *d);

#endif
