/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extract: the files of an opened disk image -> a folder, file by file under directory
 * descriptors. It runs in the jail (jail.h); the image may be hostile. */
#ifndef HOST_EXTRACT_H
#define HOST_EXTRACT_H

#include <ext2fs/ext2fs.h>
#include <stdint.h>

#include "common/diag.h"

#define EXTRACT_DEPTH_LIMIT 200 /* results are copied with three descriptors a level */
#define EXTRACT_ENTRY_LIMIT 1000000
#define EXTRACT_FILE_LIMIT_BYTES (1ULL << 42)

enum extract_note {
	EXTRACT_SKIPPED, /* left out on purpose: devices, links that leave the folder */
	EXTRACT_DAMAGED, /* could not be read, or cannot be what it says */
	EXTRACT_LIMITED, /* over a limit of this program, or of the host's */
};

#define EXTRACT_NOTES 3

struct extract_totals {
	uint64_t files, folders, links, bytes;
};

/* What is extracted: a folder of fs, which begins at this offset of the image fd. */
struct extract_source {
	ext2_filsys fs;
	int fd;
	uint64_t offset;
	ext2_ino_t folder;
};

/* Extracts it into the folder `dest`. tell() hears of each file that was left out.
 * Returns 0 where it went through all of it, or -1 with a message where this side failed
 * (no space left, say). */
int extract_all(const struct extract_source *from, int dest,
	void (*tell)(void *context, enum extract_note note, const char *path,
		const char *text),
	void *context, struct extract_totals *totals, struct diag *d);

#endif
