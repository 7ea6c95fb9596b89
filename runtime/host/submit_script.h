/* SPDX-License-Identifier: GPL-2.0-or-later */
/* submit_script: the shell script that runs one task on a node (task.sh.in), and words
 * that a shell reads as they are. */
#ifndef HOST_SUBMIT_SCRIPT_H
#define HOST_SUBMIT_SCRIPT_H

#include "common/memory.h"

struct submit_script {
	const char *wurun, *unit, *results, *folder; /* absolute */
	unsigned cpus;				     /* of an instance */
	const char *task; /* shell: the task's number, as "${SLURM_ARRAY_TASK_ID:-}" */
};

void submit_script_add(struct buffer *b, const struct submit_script *s);

/* Adds the word, in single quotes unless it is plain. */
void submit_add_word(struct buffer *b, const char *word);
/* Adds a whole command, its words parted by blanks, and a newline. */
void submit_add_command(struct buffer *b, char *const *argv);

#endif
