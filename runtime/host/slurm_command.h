/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slurm_command: a job array -> sbatch's arguments. Pure. */
#ifndef HOST_SLURM_COMMAND_H
#define HOST_SLURM_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "common/memory.h"

struct slurm_job {
	const char *name, *folder; /* the folder absolute, without a backslash */
	const char *script;	   /* absolute */
	const char *after;	   /* the job that has to end first, or NULL */
	size_t tasks, throttle;	   /* throttle 0: no limit */
	unsigned cpus;
	uint64_t memory_bytes; /* of a task */
	uint64_t minutes;      /* 0: what the partition gives */
	char *const *extra;
	size_t extra_count;
};

/* The time of a task that runs `pack` instances, each with that limit, one after another;
 * 0 where there is no limit. */
uint64_t slurm_choose_minutes(uint64_t limit_ms, size_t pack);
uint64_t slurm_round_minutes(uint64_t time_ms);

/* The argument vector, NULL at its end, in the arena. */
char **slurm_make_command(const struct slurm_job *j, const char *sbatch, struct arena *a);

#endif
