/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "condor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "runtime/unit.h"
#include "submit_script.h"

#define CONDOR_SUBMIT "condor_submit"
#define ANSWER_LIMIT_BYTES (1u << 20)
/* Beside an instance's disk and what is unpacked of it: the guest's record, logs. */
#define SCRATCH_SLACK_BYTES (64ull << 20)

void condor_add_description(struct buffer *b, const struct condor_job *j)
{
	buffer_printf(b,
		"# Written by `wurun submit condor`. To be submitted from this folder:\n"
		"# condor_submit " CONDOR_DESCRIPTION "\n"
		"universe = vanilla\n"
		"batch_name = %s\n"
		"executable = " SUBMIT_SCRIPT "\n"
		"arguments = \"$(task)\"\n"
		"getenv = HOME, PATH, XDG_CACHE_HOME, WURUN_QEMU\n"
		"output = task-$(task).log\n"
		"error = task-$(task).log\n"
		"log = condor.log\n",
		j->name);
	buffer_printf(b,
		"\n"
		"# Unit and results lie in folders that the machines share.\n"
		"should_transfer_files = NO\n"
		"request_cpus = %u\n"
		"request_memory = %" PRIu64 "MB\n"
		"request_disk = %" PRIu64 "KB\n",
		j->cpus, (j->memory_bytes + (1 << 20) - 1) >> 20,
		(j->disk_bytes + 1023) >> 10);
	buffer_add_text(b,
		"\n"
		"# Only what failed on this side (status 125, which no guest can cause) runs\n"
		"# again, at most three times. Nothing is held, so nothing has to be released.\n"
		"on_exit_remove = (ExitBySignal =?= False && ExitCode =!= 125) || "
		"NumJobCompletions > 3\n"
		"on_exit_hold = False\n"
		"periodic_release = False\n"
		"\n"
		"queue task, ids from " SUBMIT_TASKS "\n");
}

static void free_name(char **name)
{
	free(*name);
}

static int write_description(
	const struct submission *s, const struct submit_array *array, struct diag *d)
{
	uint64_t output = manifest_get_written(&s->manifest)->size_bytes;
	CLEANUP(free_name) char *name = submit_plain_name(s->manifest.name);
	const struct condor_job job = {.name = name,
		.cpus = s->manifest.cpus,
		.memory_bytes = s->manifest.memory_bytes + SUBMIT_OVERHEAD_BYTES,
		.disk_bytes = 2 * output + SCRATCH_SLACK_BYTES};
	CLEANUP(buffer_clear) struct buffer b = {0};

	condor_add_description(&b, &job);
	return submit_write(array, CONDOR_DESCRIPTION, b.bytes, b.size, d);
}

static void print_command(const struct submit_array *array, FILE *out)
{
	struct buffer b = {0};

	buffer_add_text(&b, "cd ");
	submit_add_word(&b, array->path);
	buffer_add_text(&b, " && " CONDOR_SUBMIT " " CONDOR_DESCRIPTION "\n");
	fputs(b.bytes, out);
	buffer_clear(&b);
}

/* "1 job(s) submitted to cluster 123." Returns the number, which the caller frees. */
static char *find_cluster(const char *output)
{
	static const char words[] = "submitted to cluster ";
	const char *found = strstr(output, words);
	size_t length;

	found = found ? found + strlen(words) : "";
	length = strspn(found, "0123456789");
	return length ? memory_printf("%.*s", (int)length, found) : NULL;
}

static int run_submit(
	const struct submit_array *array, char *program, char **cluster, struct diag *d)
{
	char description[] = CONDOR_DESCRIPTION;
	char *argv[] = {program, description, NULL};
	char *output = NULL;
	int status = 0;

	if (child_read_output_in(
		    array->fd, argv, ANSWER_LIMIT_BYTES, &output, &status, d) < 0)
		return -1;
	*cluster = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? find_cluster(output)
								 : NULL;
	if (!*cluster) {
		const char *error = strstr(output, "ERROR: ");
		const char *line = error ? error + strlen("ERROR: ") : output;

		diag_fail(d, "condor: " CONDOR_SUBMIT ": %.*s", (int)strcspn(line, "\n"),
			*line ? line : "it failed");
	}
	free(output);
	return *cluster ? 0 : -1;
}

static int send(struct submission *s, struct submit_array *array,
	const struct stdio *stdio, struct diag *d)
{
	char *program = child_find_program(CONDOR_SUBMIT), *cluster = NULL, *line;
	int rc = -1;

	if (!program)
		diag_fail(d, "condor: " CONDOR_SUBMIT
			     ": not found in PATH: this is for a host from "
			     "which jobs are submitted; -n only writes the files");
	else
		rc = run_submit(array, program, &cluster, d);
	free(program);
	if (rc < 0) {
		submit_drop_array(s, array);
		return -1;
	}
	fprintf(stdio->out, "%s\n", cluster);
	line = memory_printf("%s\n", cluster);
	rc = submit_write(array, SUBMIT_JOB, line, strlen(line), d);
	free(line);
	free(cluster);
	return rc;
}

int condor_submit(struct submission *s, const struct stdio *stdio, struct diag *d)
{
	struct submit_array array = SUBMIT_ARRAY_NONE;
	size_t tasks = submit_count_tasks(s->count, s->options->pack);
	int rc = submission_begin(s, d);

	if (rc == 0 && s->count > 0)
		rc = submit_make_array(s, s->list, s->count, "${1:-}", &array, d);
	if (rc == 0 && s->count > 0)
		rc = write_description(s, &array, d);
	if (rc == 0 && s->count > 0) {
		if (s->options->dry)
			print_command(&array, stdio->out);
		else
			rc = send(s, &array, stdio, d);
	}
	if (rc == 0)
		submit_say_summary(s, s->count, tasks, stdio->err);
	submit_clear_array(&array);
	return rc < 0 ? EXIT_HOST_FAILED : 0;
}
