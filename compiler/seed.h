/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seed: the CD that brings the agent into a guest that has none: a NoCloud seed for
 * cloud-init, with an autorun.sh for guests that start one from a CD (docs/base.md). */
#ifndef COMPILER_SEED_H
#define COMPILER_SEED_H

#include "common/diag.h"
#include "common/digest.h"
#include "initrd.h"

#define SEED_WRITER_VERSION 2 /* raise it with any change of the bytes written */
#define SEED_LABEL "cidata"   /* as cloud-init looks for it */

/* Makes dirfd/file, which must not exist. home: the folder in which a disk with a unit
 * placed into it has `autorun`, which is started in the agent's stead. Gives the image's
 * size and digest. Not synced. 0 or -1. */
int seed_write(int dirfd, const char *file, const struct agent *agent, const char *home,
	int64_t epoch, char sha256[DIGEST_HEX], uint64_t *size_bytes, struct diag *d);

#endif
