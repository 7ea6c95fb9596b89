/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify: a unit's files against its manifest. Every file that differs adds its line. */
#ifndef HOST_VERIFY_H
#define HOST_VERIFY_H

#include "common/diag.h"
#include "manifest.h"

/* Regular files of the sizes that the manifest says. Returns 0 or -1. */
int verify_sizes(int unitfd, const char *unit, const struct manifest *m, struct diag *d);
/* Their digests too: reads everything. */
int verify_digests(
	int unitfd, const char *unit, const struct manifest *m, struct diag *d);

#endif
