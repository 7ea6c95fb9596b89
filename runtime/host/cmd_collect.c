/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/workdir.h"
#include "manifest.h"
#include "results.h"
#include "survey.h"
#include "table.h"

static const char help[] =
	"usage: wurun collect [-o FILE] [--json] RESULTS [UNIT]\n"
	"\n"
	"Writes a table of the results, a row an instance in the sweep's order: its id,\n"
	"parameters and metrics, how it ended, its time and memory. It works while a\n"
	"sweep runs, on what has finished. The sweep is UNIT's, or the last one's that ran\n"
	"into this folder.\n"
	"\n"
	"  -o, --output FILE   where to (default: RESULTS/results.csv or results.json;\n"
	"                      \"-\": standard output)\n"
	"      --json          a JSON array of objects instead of CSV\n"
	"  -h, --help          this text\n";

struct options {
	const char *results, *unit, *output;
	int json;
};

struct collection {
	struct table table;
	size_t outdated; /* results of an older version of the unit */
};

/* --- rows --- */

static int set_seconds(
	struct table *t, const char *name, const json_t *ms, struct diag *d)
{
	json_t *value;
	int rc;

	if (!json_is_integer(ms))
		return 0;
	value = json_real((double)json_integer_value(ms) / 1000);
	rc = table_set(t, TABLE_LAST, name, value, d);
	json_decref(value);
	return rc;
}

static int set_outcome(struct table *t, const json_t *result, struct diag *d)
{
	static const char *const first[] = {"class", "exit_status", "signal"};
	const json_t *host = json_object_get(result, "host");

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		if (table_set(t, TABLE_LAST, first[i], json_object_get(result, first[i]),
			    d) < 0)
			return -1;
	if (set_seconds(t, "wall_s", json_object_get(result, "wall_ms"), d) < 0 ||
		set_seconds(t, "cpu_s", json_object_get(result, "cpu_ms"), d) < 0 ||
		table_set(t, TABLE_LAST, "peak_memory_bytes",
			json_object_get(result, "peak_memory_bytes"), d) < 0 ||
		table_set(t, TABLE_LAST, "accelerator",
			json_object_get(host, "accelerator"), d) < 0)
		return -1;
	return table_set(t, TABLE_LAST, "started", json_object_get(host, "started"), d);
}

static int add_result(struct table *t, const json_t *result, struct diag *d)
{
	table_add_row(t);
	if (table_set(t, TABLE_FIRST, "id", json_object_get(result, "id"), d) < 0 ||
		table_set_all(t, TABLE_PARAM, json_object_get(result, "params"), d) < 0 ||
		table_set_all(t, TABLE_METRIC, json_object_get(result, "metrics"), d) < 0)
		return -1;
	return set_outcome(t, result, d);
}

/* These are there whatever the rows hold. */
static int add_columns(struct table *t, struct diag *d)
{
	static const char *const names[] = {"class", "exit_status", "signal", "wall_s",
		"cpu_s", "peak_memory_bytes", "accelerator", "started"};

	if (table_add_column(t, TABLE_FIRST, "id", d) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (table_add_column(t, TABLE_LAST, names[i], d) < 0)
			return -1;
	return 0;
}

/* --- in which order --- */

static int collect_sweep(
	struct results *r, const struct manifest *m, struct collection *c, struct diag *d)
{
	int rc = 0;

	for (size_t i = 0; i < m->instance_count && rc == 0; i++) {
		json_t *result = results_load(r, m->instances[i].id);
		const char *its_key = json_string_value(json_object_get(result, "key"));
		char key[DIGEST_HEX];

		manifest_instance_key(m, &m->instances[i], key);
		if (result && strcmp(its_key, key) == 0)
			rc = add_result(&c->table, result, d);
		else if (result)
			c->outdated++;
		json_decref(result);
	}
	return rc;
}

struct order {
	const struct journal_entry **list;
	size_t count;
};

static void add_entry(const struct journal_entry *e, void *order)
{
	struct order *o = order;

	o->list[o->count++] = e;
}

static int compare_ends(const void *a, const void *b)
{
	const struct journal_entry *x = *(const struct journal_entry *const *)a;
	const struct journal_entry *y = *(const struct journal_entry *const *)b;

	if (x->ended != y->ended)
		return x->ended < y->ended ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Without a sweep's order they come in the order in which they ended. */
static int collect_folder(struct results *r, struct collection *c, struct diag *d)
{
	struct results_names names;
	struct order order = {0};
	int rc = 0;

	if (results_list(r, &names, d) < 0)
		return -1;
	order.list = memory_alloc((names.count + 1) * sizeof(*order.list));
	for (size_t i = 0; i < names.count; i++) {
		const struct journal_entry *e = results_find(r, names.list[i]);

		if (e)
			add_entry(e, &order);
	}
	qsort(order.list, order.count, sizeof(*order.list), compare_ends);
	for (size_t i = 0; i < order.count && rc == 0; i++) {
		json_t *result = results_load(r, order.list[i]->id);

		if (result)
			rc = add_result(&c->table, result, d);
		json_decref(result);
	}
	free(order.list);
	results_free_names(&names);
	return rc;
}

static int load_unit(const char *path, struct manifest *m, struct diag *d)
{
	CLEANUP(file_close) int unit = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (unit < 0)
		return diag_fail_errno(d, "%s", path);
	return manifest_load(unit, path, m, d);
}

static int collect(
	const struct options *o, struct results *r, struct collection *c, struct diag *d)
{
	struct manifest m = {0};
	int known = 0, rc;

	if (add_columns(&c->table, d) < 0)
		return -1;
	if (o->unit && load_unit(o->unit, &m, d) < 0)
		return -1;
	known = o->unit || survey_load_manifest(r, &m) == 0;
	rc = known ? collect_sweep(r, &m, c, d) : collect_folder(r, c, d);
	manifest_clear(&m);
	return rc;
}

/* --- written --- */

static int write_table(const struct options *o, struct table *t,
	const struct stdio *stdio, struct diag *d)
{
	char *path = o->output ? memory_strdup(o->output)
			       : memory_printf("%s/results.%s", o->results,
					 o->json ? "json" : "csv");
	struct buffer b = {0};
	int rc = 0;

	if (o->json)
		table_format_json(t, &b);
	else
		table_format_csv(t, &b);
	if (strcmp(path, "-") == 0)
		fwrite(b.bytes, 1, b.size, stdio->out);
	else
		rc = workdir_replace_file(AT_FDCWD, path, b.bytes, b.size, 0644, d);
	if (rc == 0 && strcmp(path, "-") != 0)
		fprintf(stdio->err, "%s: %zu row%s\n", path, t->row_count,
			t->row_count == 1 ? "" : "s");
	buffer_clear(&b);
	free(path);
	return rc;
}

static int collect_and_write(
	const struct options *o, const struct stdio *stdio, struct diag *d)
{
	struct collection c = {0};
	struct results r;
	int rc;

	if (results_open(o->results, &r, d) < 0)
		return EXIT_HOST_FAILED;
	rc = collect(o, &r, &c, d);
	if (rc == 0)
		rc = write_table(o, &c.table, stdio, d);
	if (rc == 0 && c.outdated)
		fprintf(stdio->err, "%s: left out: %zu of an older version of the unit\n",
			o->results, c.outdated);
	table_clear(&c.table);
	results_close(&r);
	return rc < 0 ? EXIT_HOST_FAILED : 0;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'J'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct options o = {0};
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdio->out);
			return 0;
		}
		if (c == 'J')
			o.json = 1;
		else if (c == 'o' && *optarg)
			o.output = optarg;
		else
			return command_refuse_option(&cmd_collect, argv, d);
	}
	if (argc - optind < 1 || argc - optind > 2) {
		diag_fail(d, "collect: expected results: wurun collect RESULTS [UNIT]");
		return EXIT_USAGE;
	}
	o.results = argv[optind];
	o.unit = argv[optind + 1];
	return collect_and_write(&o, stdio, d);
}

const struct command cmd_collect = {
	.name = "collect",
	.summary = "make one table of all results",
	.help = help,
	.run = run,
};
