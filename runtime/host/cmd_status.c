/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "classify.h"
#include "command.h"
#include "common/memory.h"
#include "common/quantity.h"
#include "jsontext.h"
#include "runtime/unit.h"
#include "survey.h"

static const char help[] =
	"usage: wurun status [--json] RESULTS\n"
	"\n"
	"Tells how a sweep stands, from any terminal and any host that shares the folder:\n"
	"how many instances ended in which class, those that run (how far, with what, and\n"
	"when the guest was last heard), and how long the rest may take.\n"
	"\n"
	"      --json   the same as one JSON object\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0, or 1 where instances have failed.\n";

#define BAR_WIDTH 20

static const char *format_seconds(double seconds, char text[QUANTITY_TEXT])
{
	return quantity_format_time((uint64_t)(seconds * 1000), text);
}

static const char *get_text(const struct survey_live *l, const char *key)
{
	const char *text = json_string_value(json_object_get(l->status, key));

	return text ? text : "";
}

static void add_bar(struct buffer *b, double fraction)
{
	int full;

	fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
	full = (int)(fraction * BAR_WIDTH + 0.5);
	buffer_add_text(b, "[");
	for (int i = 0; i < BAR_WIDTH; i++)
		buffer_add_text(b, i < full ? "#" : "-");
	buffer_printf(b, "] %3.0f %%", fraction * 100);
}

static void print_live(const struct survey_live *l, FILE *out)
{
	const json_t *fraction = json_object_get(l->status, "fraction");
	json_int_t attempt = json_integer_value(json_object_get(l->status, "attempt"));
	const char *state = get_text(l, "state"), *text = get_text(l, "text");
	char time[QUANTITY_TEXT];
	struct buffer b = {0};

	buffer_printf(&b, "  %s  %-9s %7s  ", l->id, *state ? state : "starting",
		format_seconds(l->age_s, time));
	if (json_is_number(fraction))
		add_bar(&b, json_number_value(fraction));
	if (*text)
		buffer_printf(&b, "  %s", text);
	if (l->is_silent)
		buffer_printf(&b, "  silent for %s", format_seconds(l->heard_s, time));
	if (attempt > 1)
		buffer_printf(&b, "  attempt %d", (int)attempt);
	buffer_printf(&b, "  on %s", get_text(l, "host"));
	if (*get_text(l, "task"))
		buffer_printf(&b, ", task %s", get_text(l, "task"));
	fprintf(out, "%s\n", b.bytes);
	buffer_clear(&b);
}

static void print_survey(const struct survey *s, const char *path, FILE *out)
{
	double left = survey_estimate_left(s);
	char time[QUANTITY_TEXT];
	const char *class;

	fprintf(out, "%s: %zu of %zu finished, %zu running, %zu to do\n",
		s->manifest.name ? s->manifest.name : path, s->finished, s->total,
		s->live_count, s->to_do);
	for (size_t i = 0; i < SURVEY_CLASSES && (class = classify_get(i)); i++)
		if (s->counts[i])
			fprintf(out, "%7zu  %s\n", s->counts[i], class);
	if (s->live_count)
		fputs("running:\n", out);
	for (size_t i = 0; i < s->live_count; i++)
		print_live(&s->live[i], out);
	if (left >= 0)
		fprintf(out, "%.3g a minute; about %s left\n", s->rate * 60,
			format_seconds(left, time));
}

static void print_json(const struct survey *s, FILE *out)
{
	json_t *all = survey_format(s);
	struct buffer b = {0};

	jsontext_add(&b, all, 0);
	fprintf(out, "%s\n", b.bytes);
	buffer_clear(&b);
	json_decref(all);
}

static int has_failures(const struct survey *s)
{
	size_t ok = 0;
	const char *class;

	for (size_t i = 0; i < SURVEY_CLASSES && (class = classify_get(i)); i++)
		if (strcmp(class, WU_CLASS_OK) == 0)
			ok = s->counts[i];
	return ok < s->finished;
}

static int status(const char *path, int json, const struct stdio *stdio, struct diag *d)
{
	struct results r;
	struct survey s = {0};
	int rc = EXIT_HOST_FAILED;

	if (results_open(path, &r, d) < 0)
		return rc;
	if (survey_make(&r, &s, d) < 0) {
		rc = EXIT_HOST_FAILED;
	} else if (s.total == 0 && s.live_count == 0) {
		diag_fail(d, "%s: no results in it", path);
	} else {
		if (json)
			print_json(&s, stdio->out);
		else
			print_survey(&s, path, stdio->out);
		rc = has_failures(&s) ? EXIT_FAILED : 0;
	}
	survey_clear(&s);
	results_close(&r);
	return rc;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	const char *folder;
	int json, rc;

	if (command_read_folder(&cmd_status, argc, argv, stdio, &folder, &json, &rc, d) <
		0)
		return rc;
	return status(folder, json, stdio, d);
}

const struct command cmd_status = {
	.name = "status",
	.summary = "tell how a sweep stands",
	.help = help,
	.run = run,
};
