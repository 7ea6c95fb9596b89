/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "table.h"

#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "jsontext.h"

#define LEVELS_MAX 64

struct table_column {
	enum table_group group;
	size_t number; /* as they came */
	char *name, *title;
};

struct cell {
	size_t column;
	char *json; /* the value as JSON */
};

struct table_row {
	struct cell *cells;
	size_t count, room;
};

/* A node of the names: columns move as their array grows. */
struct name {
	enum table_group group;
	const char *text;
	size_t column;
};

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return strcmp(x->text, y->text);
}

static size_t grow(size_t room)
{
	return room ? 2 * room : 16;
}

void table_add_row(struct table *t)
{
	if (t->row_count == t->row_room) {
		t->row_room = grow(t->row_room);
		t->rows = memory_resize(t->rows, t->row_room * sizeof(*t->rows));
	}
	t->rows[t->row_count++] = (struct table_row){0};
}

static size_t append_column(struct table *t, enum table_group g, const char *name)
{
	size_t at = t->column_count;

	if (at == t->column_room) {
		t->column_room = grow(t->column_room);
		t->columns =
			memory_resize(t->columns, t->column_room * sizeof(*t->columns));
	}
	t->columns[at] = (struct table_column){
		.group = g, .number = at, .name = memory_strdup(name)};
	return t->column_count++;
}

/* Its number, or -1. */
static ssize_t get_column(
	struct table *t, enum table_group g, const char *name, struct diag *d)
{
	const struct name wanted = {.group = g, .text = name};
	void *node = tfind(&wanted, &t->names, compare_names);
	struct name *made;

	if (node)
		return (ssize_t)(*(struct name **)node)->column;
	if (t->column_count == TABLE_COLUMNS_MAX)
		return diag_fail(d, "more than %d columns", TABLE_COLUMNS_MAX);
	made = memory_alloc(sizeof(*made));
	made->group = g;
	made->column = append_column(t, g, name);
	made->text = t->columns[made->column].name;
	if (!tsearch(made, &t->names, compare_names))
		memory_stop();
	return (ssize_t)made->column;
}

int table_add_column(
	struct table *t, enum table_group g, const char *name, struct diag *d)
{
	return get_column(t, g, name, d) < 0 ? -1 : 0;
}

int table_set(struct table *t, enum table_group g, const char *name, const json_t *value,
	struct diag *d)
{
	struct table_row *row = &t->rows[t->row_count - 1];
	struct buffer b = {0};
	ssize_t column;

	if (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value))
		return 0;
	column = get_column(t, g, name, d);
	if (column < 0)
		return -1;
	if (row->count == row->room) {
		row->room = grow(row->room);
		row->cells = memory_resize(row->cells, row->room * sizeof(*row->cells));
	}
	jsontext_add_line(&b, value);
	row->cells[row->count++] = (struct cell){(size_t)column, b.bytes};
	return 0;
}

static int set_below(struct table *t, enum table_group g, const char *above,
	const json_t *object, int levels, struct diag *d)
{
	json_t *mutable = (json_t *)(uintptr_t)object, *value;
	const char *key;
	int rc = 0;

	json_object_foreach(mutable, key, value)
	{
		char *name = memory_printf("%s%s%s", above, *above ? "." : "", key);

		if (json_is_object(value) && levels > 0)
			rc = set_below(t, g, name, value, levels - 1, d);
		else
			rc = table_set(t, g, name, value, d);
		free(name);
		if (rc < 0)
			break;
	}
	return rc;
}

int table_set_all(
	struct table *t, enum table_group g, const json_t *object, struct diag *d)
{
	return set_below(t, g, "", object, LEVELS_MAX, d);
}

/* --- printed --- */

static int compare_columns(const void *a, const void *b)
{
	const struct table_column *x = *(struct table_column *const *)a;
	const struct table_column *y = *(struct table_column *const *)b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->group == TABLE_PARAM || x->group == TABLE_METRIC)
		return strcmp(x->name, y->name);
	return x->number < y->number ? -1 : 1;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void add_title(void **titles, struct table_column *c)
{
	static const char *const groups[] = {
		[TABLE_PARAM] = "param.", [TABLE_METRIC] = "metric."};

	c->title = memory_strdup(c->name);
	while (tfind(c->title, titles, compare_texts)) {
		char *longer = memory_printf("%s%s", groups[c->group], c->title);

		free(c->title);
		c->title = longer;
	}
	if (!tsearch(c->title, titles, compare_texts))
		memory_stop();
}

static void keep(void *node)
{
	(void)node;
}

/* The columns in their order, with a title each that no other one has; the caller frees
 * the list. */
static struct table_column **sort_columns(struct table *t)
{
	struct table_column **sorted =
		memory_alloc((t->column_count + 1) * sizeof(*sorted));
	void *titles = NULL;

	for (size_t i = 0; i < t->column_count; i++) {
		sorted[i] = &t->columns[i];
		free(sorted[i]->title);
	}
	qsort(sorted, t->column_count, sizeof(struct table_column *), compare_columns);
	/* What always has the same name takes it first. */
	for (size_t i = 0; i < t->column_count; i++)
		if (sorted[i]->group == TABLE_FIRST || sorted[i]->group == TABLE_LAST)
			add_title(&titles, sorted[i]);
	for (size_t i = 0; i < t->column_count; i++)
		if (sorted[i]->group == TABLE_PARAM || sorted[i]->group == TABLE_METRIC)
			add_title(&titles, sorted[i]);
	tdestroy(titles, keep);
	return sorted;
}

/* The row's values by the columns' numbers; of two with one name the last. */
static void spread(const struct table_row *row, const char **values, size_t count)
{
	memset(values, 0, count * sizeof(*values));
	for (size_t i = 0; i < row->count; i++)
		values[row->cells[i].column] = row->cells[i].json;
}

static void add_quoted(struct buffer *b, const char *text)
{
	if (*text && !strpbrk(text, ",\"\r\n") && *text != ' ') {
		buffer_add_text(b, text);
		return;
	}
	buffer_add_text(b, "\"");
	for (const char *c = text; *c; c++) {
		if (*c == '"')
			buffer_add_text(b, "\"");
		buffer_add(b, c, 1);
	}
	buffer_add_text(b, "\"");
}

/* A value that is not there is nothing; an empty text is "". */
static void add_csv(struct buffer *b, const char *json)
{
	json_t *value = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;

	if (json_is_string(value))
		add_quoted(b, json_string_value(value));
	else if (json_is_boolean(value))
		buffer_add_text(b, json_is_true(value) ? "TRUE" : "FALSE");
	else if (value)
		buffer_add_text(b, json);
	json_decref(value);
}

void table_format_csv(struct table *t, struct buffer *b)
{
	struct table_column **columns = sort_columns(t);
	const char **values = memory_alloc((t->column_count + 1) * sizeof(*values));

	for (size_t c = 0; c < t->column_count; c++) {
		buffer_add_text(b, c ? "," : "");
		add_quoted(b, columns[c]->title);
	}
	buffer_add_text(b, "\n");
	for (size_t r = 0; r < t->row_count; r++) {
		spread(&t->rows[r], values, t->column_count);
		for (size_t c = 0; c < t->column_count; c++) {
			buffer_add_text(b, c ? "," : "");
			add_csv(b, values[columns[c]->number]);
		}
		buffer_add_text(b, "\n");
	}
	free(values);
	free(columns);
}

static void add_member(struct buffer *b, const char *title, const char *json)
{
	json_t *text = json_string(title);

	jsontext_add_line(b, text);
	buffer_printf(b, ":%s", json);
	json_decref(text);
}

void table_format_json(struct table *t, struct buffer *b)
{
	struct table_column **columns = sort_columns(t);
	const char **values = memory_alloc((t->column_count + 1) * sizeof(*values));

	buffer_add_text(b, "[");
	for (size_t r = 0; r < t->row_count; r++) {
		int first = 1;

		buffer_add_text(b, r ? ",\n{" : "\n{");
		spread(&t->rows[r], values, t->column_count);
		for (size_t c = 0; c < t->column_count; c++) {
			const char *json = values[columns[c]->number];

			if (!json)
				continue;
			buffer_add_text(b, first ? "" : ",");
			add_member(b, columns[c]->title, json);
			first = 0;
		}
		buffer_add_text(b, "}");
	}
	buffer_add_text(b, "\n]\n");
	free(values);
	free(columns);
}

void table_clear(struct table *t)
{
	tdestroy(t->names, free);
	for (size_t r = 0; r < t->row_count; r++) {
		for (size_t c = 0; c < t->rows[r].count; c++)
			free(t->rows[r].cells[c].json);
		free(t->rows[r].cells);
	}
	for (size_t c = 0; c < t->column_count; c++) {
		free(t->columns[c].name);
		free(t->columns[c].title);
	}
	free(t->rows);
	free(t->columns);
	*t = (struct table){0};
}
