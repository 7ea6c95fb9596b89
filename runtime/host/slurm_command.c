/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slurm_command.h"

#include <inttypes.h>

#define MINUTE_MS 60000
/* Beside the scripts' time: the boot, a disk that is unpacked, a slow shared folder. */
#define INSTANCE_SLACK_MS MINUTE_MS
#define TASK_SLACK_MS (5 * MINUTE_MS)
#define WARNING_SECONDS 120
#define FIXED_ARGUMENTS 16

uint64_t slurm_round_minutes(uint64_t time_ms)
{
	return (time_ms + MINUTE_MS - 1) / MINUTE_MS;
}

uint64_t slurm_choose_minutes(uint64_t limit_ms, size_t pack)
{
	return limit_ms ? slurm_round_minutes(
				  pack * (limit_ms + INSTANCE_SLACK_MS) + TASK_SLACK_MS)
			: 0;
}

/* A short task would hear the usual warning at its very beginning. */
static unsigned choose_warning(const struct slurm_job *j)
{
	uint64_t quarter = j->minutes * 60 / 4;

	return j->minutes && quarter < WARNING_SECONDS ? (unsigned)quarter
						       : WARNING_SECONDS;
}

/* Slurm replaces %a by the task's number, %% by one %. */
static char *name_logs(const struct slurm_job *j, struct arena *a)
{
	struct buffer b = {0};
	char *pattern;

	for (const char *p = j->folder; *p; p++)
		buffer_add(&b, *p == '%' ? "%%" : p, *p == '%' ? 2 : 1);
	buffer_add_text(&b, "/task-%a.log");
	pattern = arena_printf(a, "--output=%s", b.bytes);
	buffer_clear(&b);
	return pattern;
}

static char *number_tasks(const struct slurm_job *j, struct arena *a)
{
	return j->throttle ? arena_printf(a, "--array=1-%zu%%%zu", j->tasks, j->throttle)
			   : arena_printf(a, "--array=1-%zu", j->tasks);
}

char **slurm_make_command(const struct slurm_job *j, const char *sbatch, struct arena *a)
{
	char **argv =
		arena_alloc(a, (FIXED_ARGUMENTS + j->extra_count + 1) * sizeof(*argv));
	char **p = argv;

	*p++ = arena_strdup(a, sbatch);
	*p++ = arena_strdup(a, "--parsable");
	*p++ = arena_printf(a, "--job-name=%s", j->name);
	*p++ = number_tasks(j, a);
	*p++ = arena_strdup(a, "--nodes=1");
	*p++ = arena_strdup(a, "--ntasks=1");
	*p++ = arena_printf(a, "--cpus-per-task=%u", j->cpus);
	*p++ = arena_printf(
		a, "--mem=%" PRIu64 "M", (j->memory_bytes + (1 << 20) - 1) >> 20);
	if (j->minutes)
		*p++ = arena_printf(a, "--time=%" PRIu64, j->minutes);
	*p++ = arena_printf(a, "--signal=B:USR1@%u", choose_warning(j));
	/* After a node's end, or when the script asks for it. */
	*p++ = arena_strdup(a, "--requeue");
	*p++ = arena_strdup(a, "--open-mode=append");
	if (j->after)
		*p++ = arena_printf(a, "--dependency=afterany:%s", j->after);
	*p++ = arena_printf(a, "--chdir=%s", j->folder);
	*p++ = name_logs(j, a);
	for (size_t i = 0; i < j->extra_count; i++)
		*p++ = arena_strdup(a, j->extra[i]);
	*p = arena_strdup(a, j->script);
	return argv;
}
