/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcome: what an instance leaves: its record read, its class decided, its folder put in
 * order (docs/unit-format.md, "An instance's results"). */
#ifndef HOST_OUTCOME_H
#define HOST_OUTCOME_H

#include "common/diag.h"
#include "instance.h"

#define OUTCOME_FILES "files"
#define OUTCOME_PARTIAL "partial"
#define OUTCOME_STDOUT "stdout"
#define OUTCOME_STDERR "stderr"
#define OUTCOME_CONSOLE "console"

/* Fills in i's verdict and result, and completes the folder that is to be committed; the
 * disk is unpacked into its "files". Returns 0, or -1 where this side failed. */
int outcome_settle(struct instance *i, int host_full, struct diag *d);

#endif
