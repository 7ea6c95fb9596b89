/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "news.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/quantity.h"
#include "common/text.h"
#include "jsontext.h"
#include "outcome.h"
#include "runtime/unit.h"

#define TAIL_LINES 10
#define TAIL_BYTES 8192
#define TAILS_SHOWN 3	/* of a sweep's failures; the others are in the results */
#define NAMED_BEFORE 5	/* failures of earlier runs */
#define NAMED_ENTRIES 3 /* of those that an output disk lost */

void news_init(struct news *n, const struct stdio *stdio, const char *results,
	const struct manifest *m, size_t total, enum news_style style)
{
	*n = (struct news){.stdio = stdio,
		.results = results,
		.manifest = m,
		.style = style,
		.total = total};
}

/* Takes the reference. */
static void emit(struct news *n, json_t *event)
{
	struct buffer b = {0};

	jsontext_add_line(&b, event);
	buffer_add_text(&b, "\n");
	if (fwrite(b.bytes, 1, b.size, n->stdio->out) != b.size ||
		fflush(n->stdio->out) != 0)
		n->broken = 1;
	buffer_clear(&b);
	json_decref(event);
}

static int is_ok(const char *class)
{
	return strcmp(class, WU_CLASS_OK) == 0;
}

static int get_status(const json_t *result, const char *key)
{
	const json_t *value = json_object_get(result, key);

	return json_is_integer(value) ? (int)json_integer_value(value) : -1;
}

static void remember_only(struct news *n, const char *class, int exit_status, int signal)
{
	n->only_class = classify_find(class);
	n->only_exit_status = exit_status;
	n->only_signal = signal;
}

static json_t *make_event(struct news *n, const char *event, const char *id,
	const char *class, const json_t *result)
{
	json_t *e =
		json_pack("{s:s, s:s, s:s}", "event", event, "id", id, "class", class);
	static const char *const keys[] = {"reason", "exit_status", "signal", "wall_ms",
		"cpu_ms", "params", "metrics_problem"};

	if (result)
		json_object_set_new(e, "folder", json_sprintf("%s/%s", n->results, id));
	for (size_t i = 0; result && i < sizeof(keys) / sizeof(*keys); i++)
		json_object_set(e, keys[i], json_object_get(result, keys[i]));
	return e;
}

/* What an event takes of a result, by what the journal knows. */
static json_t *recall_result(
	const struct manifest_instance *what, const struct journal_entry *e)
{
	json_t *result = json_pack("{s:s, s:n, s:n, s:I, s:I}", "reason", e->reason,
		"exit_status", "signal", "wall_ms", (json_int_t)e->wall_ms, "cpu_ms",
		(json_int_t)e->cpu_ms);

	if (e->exit_status >= 0)
		json_object_set_new(result, "exit_status", json_integer(e->exit_status));
	if (e->signal >= 0)
		json_object_set_new(result, "signal", json_integer(e->signal));
	json_object_set_new(result, "params", json_deep_copy(what->params));
	return result;
}

void news_reuse(struct news *n, const struct manifest_instance *what,
	const struct journal_entry *e)
{
	json_t *result;

	n->reused++;
	if (!is_ok(e->class) && n->reused_failed++ < NAMED_BEFORE)
		buffer_printf(&n->failed_before, "%s%s %s",
			n->failed_before.size ? ", " : "", e->id, e->class);
	remember_only(n, e->class, e->exit_status, e->signal);
	if (n->style != NEWS_JSON)
		return;
	result = recall_result(what, e);
	emit(n, make_event(n, "reused", e->id, e->class, result));
	json_decref(result);
}

void news_probe(struct news *n, enum accelerator a)
{
	if (n->style == NEWS_QUIET || n->style == NEWS_JSON)
		return;
	if (a == ACCELERATOR_TCG)
		fprintf(n->stdio->err,
			"wurun: /dev/kvm is there, but guests do not boot with it: using "
			"TCG\n");
	else
		fprintf(n->stdio->err, "wurun: guests boot with KVM\n");
}

void news_begin(struct news *n, size_t count, size_t slots)
{
	if (slots > count)
		slots = count;
	progress_begin(&n->progress, n->stdio->err,
		n->style == NEWS_QUIET || n->style == NEWS_JSON, count, slots);
	/* The application's own output has the terminal. */
	if (n->total == 1)
		n->progress.live = 0;
}

static void count_class(struct news *n, const char *class)
{
	n->progress.ended++;
	if (is_ok(class)) {
		n->ok++;
		return;
	}
	n->progress.failed++;
	if (strcmp(class, WU_CLASS_INTERRUPTED) == 0)
		n->interrupted++;
	else if (classify_is_host_side(class))
		n->host_failed++;
	else
		n->failed++;
}

/* What the failure left behind that tells most: "stderr", or the console. */
static const char *choose_log(const struct instance *i, int folder)
{
	struct stat st;

	if (fstatat(folder, OUTCOME_STDERR, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_size > 0)
		return OUTCOME_STDERR;
	if (!i->facts.hello || i->facts.panicked)
		return OUTCOME_CONSOLE;
	return fstatat(folder, OUTCOME_STDOUT, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			       st.st_size > 0
		       ? OUTCOME_STDOUT
		       : NULL;
}

static void add_tail(struct buffer *b, int folder, const char *log)
{
	CLEANUP(file_close)
	int fd = openat(folder, log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char bytes[TAIL_BYTES];
	struct stat st;
	off_t start;
	ssize_t size;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	start = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
	size = pread(fd, bytes, sizeof(bytes), start);
	if (size > 0)
		text_add_last_lines(b, bytes, (size_t)size, TAIL_LINES, "    ");
}

/* Returns the instance's results and in *log what of them tells most, or NULL; the caller
 * closes. */
static int open_results(const struct news *n, const struct instance *i, const char **log)
{
	char *path = memory_printf("%s/%s", n->results, i->what->id);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*log = folder < 0 ? NULL : choose_log(i, folder);
	free(path);
	return folder;
}

static void show_log(struct news *n, const struct instance *i)
{
	const char *log;
	CLEANUP(file_close) int folder = open_results(n, i, &log);
	struct buffer b = {0};

	/* A relayed one was on the screen already. */
	if (log && !(i->context->err && strcmp(log, OUTCOME_CONSOLE) != 0))
		add_tail(&b, folder, log);
	if (b.size > 0)
		progress_say(&n->progress, "%.*s", (int)b.size - 1, b.bytes);
	progress_say(&n->progress, "    see %s/%s%s%s", n->results, i->what->id,
		log ? "/" : "", log ? log : "");
	buffer_clear(&b);
}

/* In place of the log's end: the failures of a large sweep must not hide each other. */
static void add_log_path(struct buffer *b, const struct news *n, const struct instance *i)
{
	const char *log;
	CLEANUP(file_close) int folder = open_results(n, i, &log);

	buffer_printf(b, "; see %s/%s%s%s", n->results, i->what->id, log ? "/" : "",
		log ? log : "");
}

static void say_ended(struct news *n, const struct instance *i, int with_path)
{
	const struct progress *p = &n->progress;
	int ok = is_ok(i->verdict.class);
	char time[QUANTITY_TEXT];
	struct buffer params = {0}, log = {0};

	jsontext_add_params(&params, i->what->params);
	if (with_path)
		add_log_path(&log, n, i);
	progress_say(&n->progress, "[%zu/%zu] %s %s%s%s %s%s%s%s%s%s", p->ended, p->total,
		i->what->id, progress_color(p, ok), i->verdict.class, progress_plain(p),
		quantity_format_time(i->ended_ms - i->started_ms, time),
		params.size ? "  " : "", params.size ? params.bytes : "",
		*i->verdict.reason ? ": " : "", i->verdict.reason,
		log.size ? log.bytes : "");
	buffer_clear(&params);
	buffer_clear(&log);
}

/* The guest does not wait for a host that reads slowly. */
static void say_what_was_missed(struct news *n, const struct instance *i)
{
	static const char *const logs[] = {OUTCOME_STDOUT, OUTCOME_STDERR};
	const struct relay *relays[] = {i->context->out, i->context->err};

	for (int stream = 0; stream < 2; stream++) {
		char *path =
			memory_printf("%s/%s/%s", n->results, i->what->id, logs[stream]);
		struct stat st;

		if (relays[stream] && stat(path, &st) == 0 &&
			(uint64_t)st.st_size >
				i->relayed[stream] - relays[stream]->dropped)
			progress_say(&n->progress,
				"wurun: not all of %s came live; it is in %s",
				logs[stream], path);
		free(path);
	}
}

/* "path: what" of a note on the output disk as "path (what)". */
static void add_entry(struct buffer *b, const char *note)
{
	const char *what = strstr(note, ": "), *next;

	while (what && (next = strstr(what + 2, ": ")))
		what = next;
	if (what)
		buffer_printf(b, "%.*s (%s)", (int)(what - note), note, what + 2);
	else
		buffer_add_text(b, note);
}

static void say_entries(struct news *n, const struct instance *i, const json_t *list,
	uint64_t count, const char *what)
{
	size_t listed = json_array_size(list), shown = 0;
	struct buffer b = {0};

	if (count < listed)
		count = listed;
	for (; shown < listed && shown < NAMED_ENTRIES; shown++) {
		buffer_add_text(&b, shown ? ", " : "");
		add_entry(&b, json_string_value(json_array_get(list, shown)));
	}
	if (shown)
		progress_say(&n->progress,
			"%s: %" PRIu64 " %s of the output disk %s: %s%s", i->what->id,
			count, count == 1 ? "entry" : "entries", what, b.bytes,
			count > shown ? ", …" : "");
	buffer_clear(&b);
}

/* What the disk held and the results do not. */
static void say_what_was_lost(struct news *n, const struct instance *i)
{
	const struct unpack *u = &i->unpack;

	if (u->is_no_disk)
		return; /* as the verdict says */
	say_entries(n, i, u->skipped, u->skipped_count,
		u->skipped_count == 1 ? "was left out" : "were left out");
	say_entries(n, i, u->damaged, u->damaged_count, "could not be read");
	say_entries(n, i, u->limited, u->limited_count,
		u->limited_count == 1 ? "is over a limit" : "are over a limit");
}

static void say_what_is_wrong_with_metrics(struct news *n, const struct instance *i)
{
	const char *problem =
		json_string_value(json_object_get(i->result, "metrics_problem"));

	if (problem && i->committed)
		progress_say(&n->progress, "%s: metrics: %s", i->what->id, problem);
}

/* It did not end for good. */
static void tell_retry(struct news *n, const struct instance *i)
{
	n->retried++;
	if (n->style == NEWS_JSON)
		emit(n, make_event(n, "retried", i->what->id, i->verdict.class,
				i->committed ? i->result : NULL));
	else if (n->style != NEWS_QUIET)
		progress_say(&n->progress, "%s %s: %s; it will be tried again",
			i->what->id, i->verdict.class, i->verdict.reason);
}

static void say_what_became(struct news *n, const struct instance *i)
{
	const char *class = i->verdict.class;
	int failed = !is_ok(class) && strcmp(class, WU_CLASS_INTERRUPTED) != 0;
	int with_path =
		failed && i->committed && n->failed + n->host_failed > TAILS_SHOWN;

	if (with_path && !n->tails_ended) {
		n->tails_ended = 1;
		progress_say(&n->progress, "The logs of further failures are not shown.");
	}
	/* On a terminal the live line counts; only what failed is worth a line. */
	if (failed || n->style == NEWS_VERBOSE ||
		(!n->progress.live && n->style != NEWS_QUIET))
		say_ended(n, i, with_path);
	if (failed && i->committed && !with_path)
		show_log(n, i);
	if (n->style != NEWS_QUIET && i->committed)
		say_what_was_lost(n, i);
	if (n->style != NEWS_QUIET)
		say_what_is_wrong_with_metrics(n, i);
	say_what_was_missed(n, i);
}

void news_ended(void *news, const struct instance *i, int again)
{
	struct news *n = news;
	const char *class = i->verdict.class;

	if (again) {
		tell_retry(n, i);
		return;
	}
	count_class(n, class);
	n->progress.spent_ms += i->ended_ms - i->started_ms;
	if (i->result)
		remember_only(n, class, get_status(i->result, "exit_status"),
			get_status(i->result, "signal"));
	if (n->style == NEWS_JSON)
		emit(n, make_event(n, "ended", i->what->id, class,
				i->committed ? i->result : NULL));
	else
		say_what_became(n, i);
}

void news_fell_back(void *news)
{
	struct news *n = news;

	if (n->style != NEWS_JSON)
		progress_say(&n->progress,
			"wurun: a guest did not boot with KVM; going on "
			"with TCG, now and in later runs");
}

/* Once each: why there is less to see than one might expect. */
static void say_what_waits(struct news *n, const struct sweep_state *state)
{
	if (n->style == NEWS_QUIET || n->style == NEWS_JSON)
		return;
	if (state->held && n->progress.running == 0 && !n->waited) {
		n->waited = 1;
		progress_say(&n->progress, "wurun: waiting for %zu that another run has",
			state->held);
	}
	if (state->is_memory_short && !n->was_short) {
		n->was_short = 1;
		progress_say(&n->progress,
			"wurun: memory holds no more than the %zu that run now; "
			"others wait for it",
			n->progress.running);
	}
}

void news_say(void *news, const char *what)
{
	struct news *n = news;

	if (n->style != NEWS_JSON)
		progress_say(&n->progress, "wurun: %s", what);
}

int news_turn(void *news, const struct sweep_state *state)
{
	struct news *n = news;
	struct progress *p = &n->progress;
	const struct instance *i;
	double best = -1;

	p->running = p->silent = 0;
	p->underway = 0;
	*p->foremost = '\0';
	for (i = state->list; i < state->list + state->count; i++) {
		if (i->state == INSTANCE_IDLE)
			continue;
		p->running++;
		p->silent += live_get_silence_ms(i) > 0;
		p->underway += i->view.fraction > 0 ? i->view.fraction : 0;
		if (i->view.fraction > best) {
			best = i->view.fraction;
			snprintf(p->foremost, sizeof(p->foremost), "%s %.0f %% %s",
				i->what->id, best * 100, i->view.text);
		}
	}
	say_what_waits(n, state);
	progress_draw(p, 0);
	return n->broken ? -1 : 0;
}

static void add_count(struct buffer *b, size_t count, const char *what)
{
	if (count)
		buffer_printf(b, "%s%zu %s", b->size ? ", " : "", count, what);
}

static void say_failed_before(const struct news *n)
{
	if (n->reused_failed > NAMED_BEFORE)
		fprintf(n->stdio->err, "failed before: %s and %zu more\n",
			n->failed_before.bytes, n->reused_failed - NAMED_BEFORE);
	else if (n->reused_failed)
		fprintf(n->stdio->err, "failed before: %s\n", n->failed_before.bytes);
}

static void say_summary(struct news *n, int signal)
{
	struct buffer b = {0};
	const struct progress *p = &n->progress;
	size_t not_run = n->total - n->reused - p->ended + n->interrupted;

	if (n->style == NEWS_QUIET)
		return;
	say_failed_before(n);
	add_count(&b, n->ok, "ok");
	add_count(&b, n->failed, "failed");
	add_count(&b, n->host_failed, "could not run");
	add_count(&b, n->reused - n->reused_failed, "ok before");
	add_count(&b, n->reused_failed, "failed before (--rerun-failed runs them again)");
	add_count(&b, not_run, "not run");
	fprintf(n->stdio->err, "%s%s: %s; results in %s\n", n->manifest->name,
		signal ? ": interrupted" : "", b.size ? b.bytes : "nothing to run",
		n->results);
	buffer_clear(&b);
}

static int only_status(const struct news *n)
{
	if (!n->only_class)
		return EXIT_HOST_FAILED;
	return classify_exit_status(n->only_class, n->only_exit_status, n->only_signal);
}

static int choose_status(const struct news *n, int signal)
{
	if (signal)
		return EXIT_SIGNAL + signal;
	if (n->total == 1)
		return only_status(n);
	if (n->host_failed)
		return EXIT_HOST_FAILED;
	return n->failed || n->reused_failed ? EXIT_FAILED : 0;
}

int news_conclude(struct news *n, int signal)
{
	int status = choose_status(n, signal);

	progress_clear(&n->progress);
	if (n->style == NEWS_JSON)
		emit(n, json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s}", "event",
				"summary", "ok",
				(int)(n->ok + n->reused - n->reused_failed), "failed",
				(int)(n->failed + n->reused_failed), "host_failed",
				(int)n->host_failed, "reused", (int)n->reused,
				"exit_status", status, "results", n->results));
	else
		say_summary(n, signal);
	return status;
}

void news_clear(struct news *n)
{
	buffer_clear(&n->failed_before);
	*n = (struct news){0};
}
