/* SPDX-License-Identifier: GPL-2.0-or-later */
/* whole_disk: where on a disk that holds everything a run's output comes to stand. */
#ifndef COMPILER_WHOLE_DISK_H
#define COMPILER_WHOLE_DISK_H

#include <stdint.h>

struct whole_disk {
	uint64_t output_offset, output_bytes; /* of the file system */
	const char *output_folder;	      /* in it: "/" or "/home/auto/output" */
};

#endif
