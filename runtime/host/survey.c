/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "survey.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "classify.h"
#include "common/file.h"
#include "common/text.h"
#include "jsontext.h"
#include "live.h"

#define STATUS_LIMIT_BYTES (64u << 10)
/* What the rate is taken from. */
#define RECENT_COUNT 100
#define RECENT_SECONDS 3600

int survey_load_manifest(const struct results *r, struct manifest *m)
{
	struct diag ignored = {0};
	size_t size = 0;
	char *bytes =
		file_read(r->fd, RESULTS_UNIT, MANIFEST_LIMIT_BYTES, &size, &ignored);
	int rc = bytes ? manifest_parse(bytes, size, r->path, m, &ignored) : -1;

	if (rc < 0)
		*m = (struct manifest){0};
	free(bytes);
	diag_clear(&ignored);
	return rc;
}

static double now(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void count_result(struct survey *s, const struct journal_entry *e)
{
	const char *class;

	s->finished++;
	for (size_t i = 0; i < SURVEY_CLASSES && (class = classify_get(i)); i++)
		s->counts[i] += strcmp(class, e->class) == 0;
	s->ended[s->ended_count++] = e->ended;
}

/* A result of the unit before it changed, or one that says nothing about the
 * application, is still to be made. */
static int counts_for(const struct manifest *m, const struct manifest_instance *i,
	const struct journal_entry *e)
{
	char key[DIGEST_HEX];

	manifest_instance_key(m, i, key);
	return strcmp(key, e->key) == 0;
}

static void survey_sweep(struct results *r, struct survey *s)
{
	const struct manifest *m = &s->manifest;

	s->total = m->instance_count;
	s->ended = memory_alloc((s->total + 1) * sizeof(*s->ended));
	for (size_t i = 0; i < s->total; i++) {
		const struct journal_entry *e = results_find(r, m->instances[i].id);

		if (e && counts_for(m, &m->instances[i], e))
			count_result(s, e);
	}
}

/* Nobody left word of the sweep: what is there is all. */
static int survey_folder(struct results *r, struct survey *s, struct diag *d)
{
	struct results_names names;

	if (results_list(r, &names, d) < 0)
		return -1;
	s->ended = memory_alloc((names.count + 1) * sizeof(*s->ended));
	for (size_t i = 0; i < names.count; i++) {
		const struct journal_entry *e = results_find(r, names.list[i]);

		if (e)
			count_result(s, e);
	}
	s->total = s->finished;
	results_free_names(&names);
	return 0;
}

static void clean_texts(json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		char *visible;

		if (!json_is_string(value))
			continue;
		visible = text_visible(json_string_value(value));
		json_object_set_new(object, key, json_string(visible));
		free(visible);
	}
}

static json_t *load_status(const struct results *r, const char *work)
{
	char *path = memory_printf("%s/" LIVE_STATUS, work);
	json_t *status = jsontext_read(r->fd, path, STATUS_LIMIT_BYTES);

	free(path);
	if (!json_is_object(status)) {
		json_decref(status);
		status = json_object();
	}
	clean_texts(status);
	return status;
}

static void look_at_work(const struct results *r, struct survey *s, const char *work)
{
	struct survey_live *l = &s->live[s->live_count];
	const json_t *started, *heard;

	if (!results_is_alive(r, work))
		return;
	s->live_count++;
	l->status = load_status(r, work);
	results_get_work_id(work, l->id);
	started = json_object_get(l->status, "started");
	heard = json_object_get(l->status, "heard");
	l->age_s = json_is_number(started) ? now() - json_number_value(started) : 0;
	l->heard_s = json_is_number(heard) ? now() - json_number_value(heard) : -1;
	/* Other hosts' clocks may be ahead of ours. */
	l->age_s = l->age_s < 0 ? 0 : l->age_s;
	l->heard_s = json_is_number(heard) && l->heard_s < 0 ? 0 : l->heard_s;
	l->is_silent = l->heard_s * 1000 >= LIVE_SILENT_MS &&
		       json_string_value(json_object_get(l->status, "state")) &&
		       strcmp(json_string_value(json_object_get(l->status, "state")),
			       "running") == 0;
}

static int survey_work(const struct results *r, struct survey *s, struct diag *d)
{
	struct results_names names;

	if (results_list_work(r, &names, d) < 0)
		return -1;
	s->live = memory_alloc((names.count + 1) * sizeof(*s->live));
	for (size_t i = 0; i < names.count; i++)
		look_at_work(r, s, names.list[i]);
	results_free_names(&names);
	return 0;
}

static int compare_newest_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Up to now, so that a rate that falls is seen to fall. */
static double estimate_rate(struct survey *s)
{
	double at = now(), span;
	size_t count = 0;

	qsort(s->ended, s->ended_count, sizeof(*s->ended), compare_newest_first);
	while (count < s->ended_count && count < RECENT_COUNT &&
		at - (double)s->ended[count] < RECENT_SECONDS)
		count++;
	if (count < 2)
		return 0;
	span = at - (double)s->ended[count - 1];
	return span > 0 ? (double)(count - 1) / span : 0;
}

static void count_to_do(struct survey *s)
{
	size_t had = s->finished;

	/* One that is run again has a result while it runs. */
	had += s->live_count;
	s->to_do = s->total > had ? s->total - had : 0;
}

int survey_make(struct results *r, struct survey *s, struct diag *d)
{
	*s = (struct survey){0};
	/* First what runs: what ends meanwhile is then seen twice, not missed. */
	if (survey_work(r, s, d) < 0)
		return -1;
	journal_refresh(&r->journal);
	if (survey_load_manifest(r, &s->manifest) == 0)
		survey_sweep(r, s);
	else if (survey_folder(r, s, d) < 0)
		return -1;
	count_to_do(s);
	s->rate = s->live_count ? estimate_rate(s) : 0;
	return 0;
}

void survey_clear(struct survey *s)
{
	for (size_t i = 0; i < s->live_count; i++)
		json_decref(s->live[i].status);
	free(s->live);
	free(s->ended);
	manifest_clear(&s->manifest);
	*s = (struct survey){0};
}

double survey_estimate_left(const struct survey *s)
{
	double left = (double)s->to_do;

	if (s->rate <= 0)
		return -1;
	for (size_t i = 0; i < s->live_count; i++)
		left += 1 -
			json_number_value(json_object_get(s->live[i].status, "fraction"));
	return left / s->rate;
}

static json_t *format_live(const struct survey *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->live_count; i++) {
		const struct survey_live *l = &s->live[i];
		json_t *one = json_deep_copy(l->status);

		json_object_set_new(one, "id", json_string(l->id));
		json_object_set_new(one, "age_s", json_real(l->age_s));
		if (l->heard_s >= 0)
			json_object_set_new(one, "heard_s", json_real(l->heard_s));
		json_object_set_new(one, "silent", json_boolean(l->is_silent));
		json_array_append_new(list, one);
	}
	return list;
}

json_t *survey_format(const struct survey *s)
{
	json_t *classes = json_object(), *all;
	double left = survey_estimate_left(s);
	const char *class;

	for (size_t i = 0; i < SURVEY_CLASSES && (class = classify_get(i)); i++)
		json_object_set_new(
			classes, class, json_integer((json_int_t)s->counts[i]));
	all = json_pack("{s:I, s:I, s:I, s:o, s:o}", "total", (json_int_t)s->total,
		"finished", (json_int_t)s->finished, "to_do", (json_int_t)s->to_do,
		"classes", classes, "running", format_live(s));
	if (s->manifest.name)
		json_object_set_new(all, "unit", json_string(s->manifest.name));
	if (s->rate > 0)
		json_object_set_new(all, "rate", json_real(s->rate));
	if (left >= 0)
		json_object_set_new(all, "left_s", json_real(left));
	return all;
}
