/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"
#include "jsontext.h"
#include "runtime/unit.h"

#define METRICS_LIMIT_BYTES (64 * 1024)
#define METRICS_LEVELS 32 /* of objects and arrays: then result.json stays readable */

static int open_record_folder(const struct instance *i)
{
	return openat(i->work.result, OUTCOME_FILES "/" WU_RECORD_FOLDER,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int is_regular(int dirfd, const char *name, uint64_t *size)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return 0;
	*size = (uint64_t)st.st_size;
	return 1;
}

/* Returns NULL where there is a valid record in r, else why not; the caller frees. */
static char *read_record(const struct instance *i, struct record *r)
{
	CLEANUP(file_close) int folder = open_record_folder(i);
	struct diag d = {0};
	size_t size = 0;
	uint64_t file_size;
	char *bytes = NULL, *problem = NULL;

	if (folder < 0 || !is_regular(folder, "result.json", &file_size))
		return memory_strdup("the guest ended without a record");
	bytes = file_read(folder, "result.json", RECORD_LIMIT_BYTES, &size, &d);
	if (!bytes || record_parse(bytes, size, r, &d) < 0)
		problem = text_visible(d.lines[0].text);
	diag_clear(&d);
	free(bytes);
	return problem;
}

/* The log on the disk; where the guest could not leave a record, its disk may lack what
 * came live. */
static int place_log(struct instance *i, int from, const char *name, int stream,
	int has_record, struct diag *d)
{
	const struct buffer *live = &i->live[stream];
	uint64_t size = 0;
	int there = from >= 0 && is_regular(from, name, &size);

	if (there && (has_record || size >= live->size)) {
		if (renameat(from, name, i->work.result, name) == 0)
			return 0;
		return diag_fail_errno(d, "%s", name);
	}
	return file_create(i->work.result, name, live->bytes, live->size, 0644, d);
}

static int place_logs(struct instance *i, int has_record, struct diag *d)
{
	CLEANUP(file_close) int from = open_record_folder(i);

	if (place_log(i, from, OUTCOME_STDOUT, 0, has_record, d) < 0 ||
		place_log(i, from, OUTCOME_STDERR, 1, has_record, d) < 0)
		return -1;
	return file_remove_tree(i->work.result, OUTCOME_FILES "/" WU_RECORD_FOLDER, d);
}

/* What a guest that does not speak could not tell while it ran. */
static void relay_log(struct instance *i, const char *name, int stream)
{
	struct relay *r = stream ? i->context->err : i->context->out;
	CLEANUP(file_close) int fd = -1;
	char chunk[16384];
	ssize_t n;

	if (!r || !i->facts.is_mute || i->relayed[stream] > 0)
		return;
	fd = openat(i->work.result, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0) {
		relay_add(r, chunk, (size_t)n);
		i->relayed[stream] += (uint64_t)n;
	}
}

static int place_files(const struct instance *i, struct diag *d)
{
	if (strcmp(i->verdict.class, WU_CLASS_OK) == 0)
		return 0;
	if (renameat(i->work.result, OUTCOME_FILES, i->work.result, OUTCOME_PARTIAL) < 0)
		return diag_fail_errno(d, OUTCOME_PARTIAL);
	return 0;
}

static int place_console(const struct instance *i, struct diag *d)
{
	if (strcmp(i->verdict.class, WU_CLASS_OK) == 0 ||
		strcmp(i->verdict.class, WU_CLASS_APP_FAILED) == 0)
		return 0;
	return console_save(&i->guest.console, i->work.result, OUTCOME_CONSOLE, d);
}

static int place_disk(const struct instance *i, struct diag *d)
{
	const char *name = manifest_get_written(i->context->manifest)->path;
	int ok = strcmp(i->verdict.class, WU_CLASS_OK) == 0;
	int keep =
		i->context->keep == KEEP_ALL || (i->context->keep == KEEP_FAILED && !ok);

	if (keep && renameat(i->work.folder.fd, name, i->work.result, name) < 0)
		return diag_fail_errno(d, "%s", name);
	if (!keep && unlinkat(i->work.folder.fd, name, 0) < 0)
		return diag_fail_errno(d, "%s", name);
	return 0;
}

/* What is wrong with the metrics file, or NULL. The unpacked links lead nowhere else, so
 * the path may be followed. */
static const char *load_metrics(const struct instance *i, const char *path, json_t **json)
{
	struct diag ignored = {0};
	struct stat st;
	size_t size = 0;
	char *bytes;

	if (fstatat(i->work.result, path, &st, 0) < 0)
		return "not there";
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_size > METRICS_LIMIT_BYTES)
		return "larger than 64 KiB";
	bytes = file_read(i->work.result, path, METRICS_LIMIT_BYTES, &size, &ignored);
	diag_clear(&ignored);
	if (!bytes)
		return "cannot be read";
	*json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	free(bytes);
	if (!*json)
		return "not JSON";
	if (!json_is_object(*json))
		return "not a JSON object";
	if (jsontext_is_deeper(*json, METRICS_LEVELS))
		return "more than 32 objects and arrays deep";
	return NULL;
}

/* The unit's own measures, where it left an object of them: a new reference; else NULL,
 * and *problem says why where there should be one (the caller frees it). */
static json_t *read_metrics(const struct instance *i, char **problem)
{
	const char *name = i->context->manifest->metrics;
	json_t *metrics = NULL;
	const char *what;
	char *path;

	*problem = NULL;
	if (!name || strcmp(i->verdict.class, WU_CLASS_OK) != 0)
		return NULL;
	path = memory_printf(OUTCOME_FILES "/%s", name);
	what = load_metrics(i, path, &metrics);
	free(path);
	if (!what)
		return metrics;
	json_decref(metrics);
	path = text_visible(name);
	*problem = memory_printf("%s: %s", path, what);
	free(path);
	return NULL;
}

static int write_result(struct instance *i, const struct record *r, struct diag *d)
{
	const struct instance_context *c = i->context;
	json_t *output = i->unpack.skipped ? unpack_summarize(&i->unpack) : NULL;
	char *problem;
	json_t *metrics = read_metrics(i, &problem);
	char key[DIGEST_HEX];
	const struct record_context context = {
		.id = i->what->id,
		.unit = c->manifest->name,
		.key = key,
		.params = i->what->params,
		.accelerator = qemu_accelerator_name(i->accelerator),
		.qemu = c->program->number,
		.start = i->is_warm   ? "warm"
			 : i->is_kept ? "kept"
				      : "cold",
		.host = c->host,
		.wall_ms = i->ended_ms - i->started_ms,
		.boot_ms = i->facts.hello ? i->hello_ms - i->started_ms : 0,
		.limit_ms = c->time_ms,
		.started = i->started,
		.output = output,
		.metrics = metrics,
		.metrics_problem = problem,
	};
	char *text;
	int rc;

	manifest_instance_key(c->manifest, i->what, key);
	i->result = record_make_result(r, &i->verdict, &context);
	text = record_format_result(i->result);
	rc = file_create(i->work.result, RESULTS_FILE, text, strlen(text), 0644, d);
	free(text);
	free(problem);
	json_decref(metrics);
	json_decref(output);
	return rc;
}

/* QEMU's own first words, where it failed by itself. */
static char *describe_qemu_failure(const struct instance *i)
{
	const struct facts *f = &i->facts;
	struct buffer b = {0};

	if (f->stop != STOP_NONE || i->guest.errors.size == 0 ||
		(WIFEXITED(f->qemu_status) && WEXITSTATUS(f->qemu_status) == 0))
		return NULL;
	buffer_add_text(&b, "QEMU: ");
	text_add_visible(&b, i->guest.errors.bytes, strcspn(i->guest.errors.bytes, "\n"));
	return b.bytes;
}

struct findings {
	struct record record;
	char *problem, *damage, *host_failure;
};

static void clear_findings(struct findings *f)
{
	record_clear(&f->record);
	free(f->problem);
	free(f->damage);
	free(f->host_failure);
}

static void decide(struct instance *i, struct findings *f, int host_full)
{
	f->problem = read_record(i, &f->record);
	f->damage = i->unpack.skipped ? unpack_describe_loss(&i->unpack) : NULL;
	f->host_failure = i->unpack.host_failure ? memory_strdup(i->unpack.host_failure)
						 : describe_qemu_failure(i);
	i->facts.record_class = f->record.class;
	i->facts.record_reason = f->record.reason;
	i->facts.record_problem = f->problem;
	i->facts.damage = f->damage;
	i->facts.host_failure = f->host_failure;
	classify_run(&i->facts, &i->verdict);
	if (host_full && strcmp(i->verdict.class, WU_CLASS_OK) != 0) {
		i->facts.host_failure = "the results' filesystem is full";
		classify_run(&i->facts, &i->verdict);
	}
	/* They point into what goes away now. */
	i->facts.record_class = i->facts.record_reason = NULL;
	i->facts.record_problem = i->facts.damage = i->facts.host_failure = NULL;
}

int outcome_settle(struct instance *i, int host_full, struct diag *d)
{
	CLEANUP(clear_findings) struct findings f = {.record = {.exit_status = -1}};

	decide(i, &f, host_full);
	if (place_logs(i, f.record.json != NULL, d) < 0 || place_files(i, d) < 0 ||
		place_console(i, d) < 0 || place_disk(i, d) < 0)
		return -1;
	relay_log(i, OUTCOME_STDOUT, 0);
	relay_log(i, OUTCOME_STDERR, 1);
	return write_result(i, f.record.json ? &f.record : NULL, d);
}
