/* SPDX-License-Identifier: GPL-2.0-or-later */
/* slurm_ask: what Slurm's programs are told and asked. They are looked for in PATH. */
#ifndef HOST_SLURM_ASK_H
#define HOST_SLURM_ASK_H

#include "common/diag.h"
#include "submit_sent.h"

#define SLURM_SBATCH "sbatch"

/* Slurm's own MaxArraySize, less one, as tasks are numbered from 1. */
#define SLURM_USUAL_TASKS 1000

/* 1 where the text is a job's id as sbatch --parsable writes it; *length: without the
 * cluster's name. */
int slurm_is_job(const char *line, size_t *length);
/* MaxArraySize in what `scontrol show config` says; -1: it does not say. */
long slurm_find_array_size(const char *config);
/* "NAME NUMBER" lines, of squeue: marks these tasks. */
void slurm_mark_queued(const char *lines, struct submit_sent *sent);

/* Returns 0 where there is an sbatch, or -1 with what to do. */
int slurm_find(struct diag *d);
/* How many tasks an array of this cluster may have. Returns 0 or -1. */
int slurm_ask_array_limit(size_t *tasks, struct diag *d);
/* Marks the tasks that are queued or running. Returns 0 or -1. */
int slurm_ask_queue(struct submit_sent *sent, struct diag *d);
/* 1 where a job has that name, 0 where none has, -1 where it is not known. */
int slurm_ask_name(const char *name);
/* Runs sbatch. Returns the job's id, which the caller frees, or NULL. */
char *slurm_send(char *const *argv, struct diag *d);

#endif
