/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condor: what a unit has no results of -> an HTCondor submit description, for pools
 * whose machines share a filesystem. */
#ifndef HOST_CONDOR_H
#define HOST_CONDOR_H

#include "command.h"
#include "common/memory.h"
#include "submit.h"

#define CONDOR_DESCRIPTION "condor.sub"

struct condor_job {
	const char *name;
	unsigned cpus;
	uint64_t memory_bytes, disk_bytes; /* of a task */
};

/* The description. It names files by what they are called in its own folder, from which
 * it is to be submitted: no path in it needs any quoting. */
void condor_add_description(struct buffer *b, const struct condor_job *j);

/* Returns the exit status. */
int condor_submit(struct submission *s, const struct stdio *stdio, struct diag *d);

#endif
