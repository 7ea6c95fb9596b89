/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manifest_disk: what the manifest says of a unit's layout and of a disk that its
 * machine boots from, and which files the layout cannot do without. */
#ifndef HOST_MANIFEST_DISK_H
#define HOST_MANIFEST_DISK_H

#include "manifest.h"
#include "spot.h"

/* After the files were read, before the instances. Returns 0 or -1. */
int manifest_parse_layout(const struct spot *s, const json_t *root, struct manifest *m);

#endif
