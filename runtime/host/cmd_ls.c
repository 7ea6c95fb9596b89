/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "common/file.h"
#include "common/quantity.h"
#include "jsontext.h"
#include "results.h"
#include "runtime/unit.h"

static const char help[] =
	"usage: wurun ls [--json] RESULTS\n"
	"\n"
	"Lists the results in a folder: id, class, exit status (or signal), wall time,\n"
	"processor time, peak memory and parameters.\n"
	"\n"
	"      --json   each result.json, one a line\n"
	"  -h, --help   this text\n";

#define COLUMNS 7

struct row {
	char *cells[COLUMNS];
};

struct table {
	struct row *rows;
	size_t count;
};

static uint64_t number(const json_t *in, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(in, key));

	return value > 0 ? (uint64_t)value : 0;
}

static char *describe_exit(const json_t *result)
{
	const json_t *status = json_object_get(result, "exit_status");
	const json_t *signal = json_object_get(result, "signal");

	if (json_is_integer(signal))
		return memory_printf("signal %d", (int)json_integer_value(signal));
	if (json_is_integer(status))
		return memory_printf("%d", (int)json_integer_value(status));
	return memory_strdup("-");
}

static void fill_row(struct row *row, const json_t *result)
{
	char text[QUANTITY_TEXT];
	struct buffer params = {0};

	row->cells[0] = memory_strdup(json_string_value(json_object_get(result, "id")));
	row->cells[1] =
		memory_strdup(json_string_value(json_object_get(result, "class")));
	row->cells[2] = describe_exit(result);
	row->cells[3] =
		memory_strdup(quantity_format_time(number(result, "wall_ms"), text));
	row->cells[4] =
		memory_strdup(quantity_format_time(number(result, "cpu_ms"), text));
	row->cells[5] = memory_strdup(
		quantity_format_size(number(result, "peak_memory_bytes"), text));
	jsontext_add_params(&params, json_object_get(result, "params"));
	row->cells[6] = params.bytes;
}

/* Times and sizes to the right, texts to the left, the last one as long as it is. */
static void print_table(const struct table *t, FILE *out)
{
	int widths[COLUMNS] = {0};

	for (size_t r = 0; r < t->count; r++)
		for (int c = 0; c < COLUMNS; c++) {
			int width = (int)strlen(t->rows[r].cells[c]);

			widths[c] = width > widths[c] ? width : widths[c];
		}
	for (size_t r = 0; r < t->count; r++) {
		char *const *cells = t->rows[r].cells;

		fprintf(out, "%-*s  %-*s  %-*s  %*s  %*s  %*s%s%s\n", widths[0], cells[0],
			widths[1], cells[1], widths[2], cells[2], widths[3], cells[3],
			widths[4], cells[4], widths[5], cells[5], *cells[6] ? "  " : "",
			cells[6]);
	}
}

static void add_row(struct table *t, const json_t *result)
{
	t->rows = memory_resize(t->rows, (t->count + 1) * sizeof(*t->rows));
	t->rows[t->count] = (struct row){{0}};
	if (result)
		fill_row(&t->rows[t->count], result);
	t->count++;
}

static void add_heading(struct table *t)
{
	static const char *const words[COLUMNS] = {
		"id", "class", "exit", "wall", "cpu", "memory", "parameters"};

	add_row(t, NULL);
	for (int c = 0; c < COLUMNS; c++)
		t->rows[0].cells[c] = memory_strdup(words[c]);
}

static void clear_table(struct table *t)
{
	for (size_t r = 0; r < t->count; r++)
		for (int c = 0; c < COLUMNS; c++)
			free(t->rows[r].cells[c]);
	free(t->rows);
}

static void print_line(const json_t *result, FILE *out)
{
	struct buffer b = {0};

	jsontext_add_line(&b, result);
	fprintf(out, "%s\n", b.bytes);
	buffer_clear(&b);
}

static int list(const char *path, int json, const struct stdio *stdio, struct diag *d)
{
	CLEANUP(clear_table) struct table t = {0};
	struct results_names ids;
	struct results r;
	size_t shown = 0, count;
	int status = 0;

	if (results_open(path, &r, d) < 0)
		return EXIT_FAILED;
	if (results_list(&r, &ids, d) < 0) {
		results_close(&r);
		return EXIT_FAILED;
	}
	add_heading(&t);
	count = ids.count;
	for (size_t i = 0; i < count; i++) {
		json_t *result = results_load(&r, ids.list[i]);

		if (!result) {
			diag_fail(
				d, "%s/%s: no readable " RESULTS_FILE, path, ids.list[i]);
			status = EXIT_FAILED;
		} else if (json) {
			print_line(result, stdio->out);
		} else {
			add_row(&t, result);
		}
		shown += result != NULL;
		json_decref(result);
	}
	results_free_names(&ids);
	results_close(&r);
	if (!json && shown > 0)
		print_table(&t, stdio->out);
	if (count == 0) {
		diag_fail(d, "%s: no results in it", path);
		status = EXIT_FAILED;
	}
	return status;
}

static int run(int argc, char **argv, const struct stdio *stdio, struct diag *d)
{
	const char *folder;
	int json, rc;

	if (command_read_folder(&cmd_ls, argc, argv, stdio, &folder, &json, &rc, d) < 0)
		return rc;
	return list(folder, json, stdio, d);
}

const struct command cmd_ls = {
	.name = "ls",
	.summary = "list results",
	.help = help,
	.run = run,
};
