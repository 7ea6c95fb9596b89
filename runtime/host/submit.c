/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "submit.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/memory.h"
#include "runtime/unit.h"
#include "submit_script.h"

#define NAME_LENGTH 40
#define TRIES 16

/* As people name it: with the links that they see, which nodes see too. */
static char *make_absolute(const char *path)
{
	char *here, *whole;

	if (path[0] == '/')
		return memory_strdup(path);
	here = get_current_dir_name();
	whole = memory_printf("%s/%s", here ? here : ".", path);
	free(here);
	return whole;
}

static int find_ourselves(struct submission *s, struct diag *d)
{
	char *folder = file_program_folder(d);

	if (!folder)
		return -1;
	s->wurun = memory_printf("%s/wurun", folder);
	free(folder);
	return 0;
}

/* Tasks run with the unit's own limit. */
static int is_finished(struct submission *s, const struct manifest_instance *i)
{
	const struct journal_entry *e = results_find(&s->results, i->id);

	return e && results_is_current(e, &s->manifest, i, s->manifest.time_ms);
}

static int select_instances(
	struct submission *s, char *const *ids, size_t id_count, struct diag *d)
{
	const struct manifest *m = &s->manifest;
	size_t count = ids ? id_count : m->instance_count;

	s->list = memory_alloc(count * sizeof(*s->list));
	for (size_t n = 0; n < count; n++) {
		const struct manifest_instance *i =
			ids ? manifest_find_instance(m, ids[n], d) : &m->instances[n];

		if (!i)
			return -1;
		if (is_finished(s, i))
			s->finished++;
		else
			s->list[s->count++] = i;
	}
	return 0;
}

static int open_results(struct submission *s, struct diag *d)
{
	char *given = s->options->output ? memory_strdup(s->options->output)
					 : manifest_get_results(&s->manifest);
	int rc = file_make_folders(given, d);

	if (rc == 0)
		rc = results_open(given, &s->results, d);
	s->folder = make_absolute(given);
	free(given);
	return rc;
}

int submission_open(struct submission *s, const struct submit_options *o,
	char *const *ids, size_t id_count, struct diag *d)
{
	CLEANUP(file_close)
	int unit = open(o->unit, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*s = SUBMISSION_NONE;
	s->options = o;
	if (unit < 0)
		return diag_fail_errno(d, "%s", o->unit);
	s->unit = make_absolute(o->unit);
	if (manifest_load(unit, o->unit, &s->manifest, d) < 0 ||
		find_ourselves(s, d) < 0 || open_results(s, d) < 0)
		return -1;
	/* So that `wurun status` knows what there is to do before a task starts. */
	if (!ids && results_leave_manifest(&s->results, unit, d) < 0)
		return -1;
	return select_instances(s, ids, id_count, d);
}

int submission_begin(struct submission *s, struct diag *d)
{
	if (mkdirat(s->results.fd, SUBMIT_FOLDER, 0777) < 0 && errno != EEXIST)
		return diag_fail_errno(d, "%s/" SUBMIT_FOLDER, s->folder);
	s->fd = openat(s->results.fd, SUBMIT_FOLDER,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0)
		return diag_fail_errno(d, "%s/" SUBMIT_FOLDER, s->folder);
	/* A file: no lock on a folder is to be had by NFS. */
	s->lock = openat(s->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (s->lock < 0)
		return diag_fail_errno(d, "%s/" SUBMIT_FOLDER "/lock", s->folder);
	/* A filesystem without locks only loses the exclusion. */
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return diag_fail(
			d, "%s: another `wurun submit` is at work there", s->folder);
	return 0;
}

void submission_clear(struct submission *s)
{
	file_close(&s->lock);
	file_close(&s->fd);
	results_close(&s->results);
	manifest_clear(&s->manifest);
	free(s->list);
	free(s->unit);
	free(s->folder);
	free(s->wurun);
	*s = SUBMISSION_NONE;
}

void submit_say_summary(const struct submission *s, size_t sent, size_t tasks, FILE *err)
{
	fprintf(err, "%s: ", s->manifest.name);
	if (s->count == 0)
		fputs("nothing to submit", err);
	else
		fprintf(err, "%zu instances %s in %zu tasks", sent,
			s->options->dry ? "would be submitted" : "submitted", tasks);
	if (s->underway)
		fprintf(err, ", %zu queued or running", s->underway);
	if (s->finished)
		fprintf(err, ", %zu with a result", s->finished);
	if (sent < s->count)
		fprintf(err, ", %zu not submitted", s->count - sent);
	fprintf(err, "; results in %s\n", s->results.path);
}

size_t submit_count_tasks(size_t instances, size_t pack)
{
	return instances / pack + (instances % pack != 0);
}

void submit_add_tasks(struct buffer *b, const struct manifest_instance *const *list,
	size_t count, size_t pack)
{
	buffer_add(b, "", 0);
	for (size_t i = 0; i < count; i++) {
		if (i % pack == 0)
			buffer_printf(b, "%s%zu", i ? "\n" : "", i / pack + 1);
		buffer_printf(b, " %s", list[i]->id);
	}
	if (count)
		buffer_add_text(b, "\n");
}

char *submit_plain_name(const char *name)
{
	char *plain = memory_printf("%.*s", NAME_LENGTH, name);

	for (char *p = plain; *p; p++)
		if (!isascii(*p) || (!isalnum(*p) && *p != '_' && *p != '.' &&
					    (*p != '-' || p == plain)))
			*p = '_';
	return plain;
}

/* A name that no other job of the cluster has: by it an array is found again, even where
 * we died before we heard its id. */
static int make_folder(const struct submission *s, struct submit_array *a, struct diag *d)
{
	char *plain = submit_plain_name(s->manifest.name);
	int made = -1;

	for (int i = 0; made < 0 && i < TRIES; i++) {
		uint32_t number = 0;

		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			break;
		free(a->name);
		a->name = memory_printf("%s-%08" PRIx32, plain, number);
		made = mkdirat(s->fd, a->name, 0777);
		if (made < 0 && errno != EEXIST)
			break;
	}
	free(plain);
	a->path = memory_printf(
		"%s/" SUBMIT_FOLDER "/%s", s->folder, a->name ? a->name : "");
	if (made == 0)
		a->fd = openat(
			s->fd, a->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return a->fd < 0 ? diag_fail_errno(d, "%s", a->path) : 0;
}

int submit_write(const struct submit_array *a, const char *name, const void *bytes,
	size_t size, struct diag *d)
{
	CLEANUP(file_close)
	int fd = openat(a->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0 || file_write(fd, bytes, size) < 0 || fsync(fd) < 0)
		return diag_fail_errno(d, "%s/%s", a->path, name);
	return 0;
}

static int write_files(const struct submission *s,
	const struct manifest_instance *const *list, size_t count, const char *task,
	const struct submit_array *a, struct diag *d)
{
	const struct submit_script script = {
		s->wurun, s->unit, s->folder, a->path, s->manifest.cpus, task};
	CLEANUP(buffer_clear) struct buffer tasks = {0};
	CLEANUP(buffer_clear) struct buffer text = {0};

	submit_add_tasks(&tasks, list, count, s->options->pack);
	submit_script_add(&text, &script);
	if (submit_write(a, SUBMIT_TASKS, tasks.bytes, tasks.size, d) < 0 ||
		submit_write(a, SUBMIT_SCRIPT, text.bytes, text.size, d) < 0)
		return -1;
	return fchmodat(a->fd, SUBMIT_SCRIPT, 0755, 0) < 0
		       ? diag_fail_errno(d, "%s/" SUBMIT_SCRIPT, a->path)
		       : 0;
}

int submit_make_array(const struct submission *s,
	const struct manifest_instance *const *list, size_t count, const char *task,
	struct submit_array *a, struct diag *d)
{
	*a = SUBMIT_ARRAY_NONE;
	if (make_folder(s, a, d) == 0 && write_files(s, list, count, task, a, d) == 0) {
		a->tasks = submit_count_tasks(count, s->options->pack);
		return 0;
	}
	submit_drop_array(s, a);
	return -1;
}

void submit_drop_array(const struct submission *s, struct submit_array *a)
{
	struct diag ignored = {0};

	if (a->fd >= 0)
		file_remove_tree(s->fd, a->name, &ignored);
	diag_clear(&ignored);
	submit_clear_array(a);
}

void submit_clear_array(struct submit_array *a)
{
	file_close(&a->fd);
	free(a->name);
	free(a->path);
	*a = SUBMIT_ARRAY_NONE;
}
