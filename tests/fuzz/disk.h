/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk: small file systems of mke2fs with bytes that are not its own. */
#ifndef FUZZ_DISK_H
#define FUZZ_DISK_H

#include <stddef.h>

#define DISK_NAME "image"
#define DISK_BYTES (1 << 20)

/* Makes the systems in a folder of its own, which goes when the program ends. A
 * descriptor of it; ends the program where there is no mke2fs. */
int disk_init(const char **folder);
/* Writes DISK_NAME there. The lowest bit of the first byte says which system; then each
 * four are a place in what describes something, and what stands there. */
void disk_write(const unsigned char *bytes, size_t size);
/* A descriptor of an empty folder in it. */
int disk_open_out(void);

#endif
