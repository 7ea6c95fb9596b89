/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whole_disk: a disk that boots by itself and takes a unit's output in a file system of
 * its own: where that lies, for unit.json. */
#ifndef COMPILER_WHOLE_DISK_H
#define COMPILER_WHOLE_DISK_H

#include <stdint.h>

struct whole_disk {
	uint64_t output_offset, output_bytes; /* of the file system, in the image */
	const char *output_folder;	      /* in it: an absolute path without links */
};

#endif
