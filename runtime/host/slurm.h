/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slurm: what a unit has no results of -> job arrays in Slurm's queue. */
#ifndef HOST_SLURM_H
#define HOST_SLURM_H

#include "command.h"
#include "submit.h"

/* Returns the exit status; jobs' ids, or with `dry` commands, go to stdio->out. */
int slurm_submit(struct submission *s, const struct stdio *stdio, struct diag *d);

#endif
