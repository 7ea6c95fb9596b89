/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "slurm.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "slurm_ask.h"
#include "slurm_command.h"
#include "submit_script.h"

#define TASK_NUMBER "${SLURM_ARRAY_TASK_ID:-}"

/* The way through a submission's list, an array after the other. */
struct way {
	struct submission *submission;
	const struct stdio *stdio;
	size_t most_tasks; /* of an array */
	size_t sent;	   /* instances */
	size_t tasks;
	char *job; /* of the array before */
};

/* Takes off the list what an earlier array still has to do. */
static int drop_underway(struct submission *s, struct diag *d)
{
	struct submit_sent sent;
	int rc = submit_sent_read(s, &sent, d);

	if (rc == 0)
		rc = slurm_ask_queue(&sent, d);
	if (rc == 0)
		submit_sent_drop(&sent, s);
	submit_sent_clear(&sent);
	return rc;
}

/* Without a cluster to ask, what would be submitted can be looked at nevertheless. */
static int ask_cluster(struct way *w, struct diag *d)
{
	CLEANUP(diag_clear) struct diag why = {0};

	w->most_tasks = SLURM_USUAL_TASKS;
	if (drop_underway(w->submission, &why) == 0 &&
		slurm_ask_array_limit(&w->most_tasks, &why) == 0)
		return 0;
	if (!w->submission->options->dry) {
		diag_move(d, &why);
		return -1;
	}
	fprintf(w->stdio->err,
		"%s: no cluster answers: arrays of %d tasks, Slurm's default\n",
		w->submission->manifest.name, SLURM_USUAL_TASKS);
	return 0;
}

static char **make_command(const struct way *w, const struct submit_array *array,
	const char *script, struct arena *a)
{
	const struct submission *s = w->submission;
	const struct submit_options *o = s->options;
	const struct slurm_job job = {.name = array->name,
		.folder = array->path,
		.script = script,
		/* Arrays have a throttle each: that of all is kept by one at a time. */
		.after = o->throttle ? w->job : NULL,
		.tasks = array->tasks,
		.throttle = o->throttle,
		.cpus = s->manifest.cpus,
		.memory_bytes = s->manifest.memory_bytes + SUBMIT_OVERHEAD_BYTES,
		.minutes = o->time_ms
				   ? slurm_round_minutes(o->time_ms)
				   : slurm_choose_minutes(s->manifest.time_ms, o->pack),
		.extra = o->extra,
		.extra_count = o->extra_count};

	return slurm_make_command(&job, SLURM_SBATCH, a);
}

static void print_command(char *const *argv, FILE *out)
{
	struct buffer b = {0};

	submit_add_command(&b, argv);
	fputs(b.bytes, out);
	buffer_clear(&b);
}

/* Slurm may have taken what it did not confirm: then the folder has to stay. */
static int send(
	struct way *w, struct submit_array *array, char *const *argv, struct diag *d)
{
	char *job = slurm_send(argv, d), *line;
	int rc;

	if (!job) {
		if (slurm_ask_name(array->name) == 0)
			submit_drop_array(w->submission, array);
		return -1;
	}
	free(w->job);
	w->job = job;
	fprintf(w->stdio->out, "%s\n", job);
	line = memory_printf("%s\n", job);
	rc = submit_write(array, SUBMIT_JOB, line, strlen(line), d);
	free(line);
	return rc;
}

static int submit_array(struct way *w, struct diag *d)
{
	struct submission *s = w->submission;
	size_t most = w->most_tasks * s->options->pack;
	size_t left = s->count - w->sent, count = left < most ? left : most;
	struct submit_array array;
	struct arena arena = {0};
	char *script, **argv;
	int rc = 0;

	if (submit_make_array(s, s->list + w->sent, count, TASK_NUMBER, &array, d) < 0)
		return -1;
	script = memory_printf("%s/" SUBMIT_SCRIPT, array.path);
	argv = make_command(w, &array, script, &arena);
	if (s->options->dry)
		print_command(argv, w->stdio->out);
	else
		rc = send(w, &array, argv, d);
	if (rc == 0) {
		w->sent += count;
		w->tasks += array.tasks;
	}
	submit_clear_array(&array);
	arena_clear(&arena);
	free(script);
	return rc;
}

int slurm_submit(struct submission *s, const struct stdio *stdio, struct diag *d)
{
	struct way w = {.submission = s, .stdio = stdio};
	int rc = 0;

	if (strchr(s->folder, '\\')) {
		diag_fail(d,
			"slurm: %s: a backslash in its path: Slurm could not name logs "
			"there",
			s->folder);
		return EXIT_HOST_FAILED;
	}
	if (!s->options->dry && slurm_find(d) < 0)
		return EXIT_HOST_FAILED;
	if (submission_begin(s, d) < 0 || ask_cluster(&w, d) < 0)
		return EXIT_HOST_FAILED;
	while (rc == 0 && w.sent < s->count)
		rc = submit_array(&w, d);
	if (rc == 0 || w.sent > 0)
		submit_say_summary(s, w.sent, w.tasks, stdio->err);
	free(w.job);
	return rc < 0 ? EXIT_HOST_FAILED : 0;
}
