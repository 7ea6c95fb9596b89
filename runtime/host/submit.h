/* SPDX-License-Identifier: GPL-2.0-or-later */
/* submit: the instances of a unit that have no result yet, packed into the tasks of job
 * arrays. Each array has a folder of its own, whose name is the job's name:
 *
 *     RESULTS/.submit/sir-5f3a9c01/{tasks, task.sh, job, task-1.log, …}
 */
#ifndef HOST_SUBMIT_H
#define HOST_SUBMIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/diag.h"
#include "common/memory.h"
#include "manifest.h"
#include "results.h"
#include "runtime/unit.h"

#define SUBMIT_FOLDER ".submit"
#define SUBMIT_TASKS "tasks"
#define SUBMIT_SCRIPT "task.sh"
#define SUBMIT_JOB "job" /* the job's id, once there is one */

/* What a task needs beside its guest's memory: QEMU, wurun, buffers. */
#define SUBMIT_OVERHEAD_BYTES (256ull << 20)

struct submit_options {
	const char *unit, *output; /* as given; output NULL: results/NAME */
	size_t pack;		   /* instances a task */
	size_t throttle;	   /* tasks at once; 0: no limit */
	uint64_t time_ms;	   /* of a task; 0: what the unit's own limit makes */
	int dry;		   /* write the files, submit nothing */
	char *const *extra;	   /* further options for sbatch */
	size_t extra_count;
};

struct submission {
	const struct submit_options *options;
	struct manifest manifest;
	struct results results;
	char *unit, *folder, *wurun; /* absolute; folder: of the results */
	int fd;			     /* RESULTS/.submit, or -1 */
	int lock;
	const struct manifest_instance **list; /* to be sent */
	size_t count;
	size_t finished; /* have their result */
	size_t underway; /* are queued or running in an earlier array */
};

#define SUBMISSION_NONE                                                                  \
	((struct submission){.results = RESULTS_NONE, .fd = -1, .lock = -1})

/* Reads unit and results, and lists what has no result; `ids` (NULL: all) limits it.
 * Returns 0 or -1. */
int submission_open(struct submission *s, const struct submit_options *o,
	char *const *ids, size_t id_count, struct diag *d);
/* Makes RESULTS/.submit and locks it against other submits. Returns 0 or -1. */
int submission_begin(struct submission *s, struct diag *d);
void submission_clear(struct submission *s);

/* The closing line: so many instances were sent (or would be), in so many tasks. */
void submit_say_summary(const struct submission *s, size_t sent, size_t tasks, FILE *err);

/* The tasks that so many instances make, `pack` in each. */
size_t submit_count_tasks(size_t instances, size_t pack);
/* Adds the lines of `tasks`: a task's number, from 1, and its instances' ids. */
void submit_add_tasks(struct buffer *b, const struct manifest_instance *const *list,
	size_t count, size_t pack);

/* A job array, and its folder. */
struct submit_array {
	char *name, *path; /* "sir-5f3a9c01"; absolute */
	int fd;
	size_t tasks;
};

#define SUBMIT_ARRAY_NONE ((struct submit_array){.fd = -1})

/* Makes the folder of an array for these instances, and in it `tasks` and the script;
 * `task` is the shell's word for the task's number. Returns 0 or -1. */
int submit_make_array(const struct submission *s,
	const struct manifest_instance *const *list, size_t count, const char *task,
	struct submit_array *a, struct diag *d);
/* Writes a file into its folder, and to the disk. Returns 0 or -1. */
int submit_write(const struct submit_array *a, const char *name, const void *bytes,
	size_t size, struct diag *d);
/* Removes the folder: nobody will run it. */
void submit_drop_array(const struct submission *s, struct submit_array *a);
void submit_clear_array(struct submit_array *a);

/* "sir" -> the part of an array's name that is the unit's: what Slurm, HTCondor, a shell
 * and a person take as it is. The caller frees. */
char *submit_plain_name(const char *name);

#endif
