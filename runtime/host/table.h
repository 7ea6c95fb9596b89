/* SPDX-License-Identifier: GPL-2.0-or-later */
/* table: rows of named values, of which no row need have all, printed as CSV (RFC 4180,
 * lines end with "\n") or as a JSON array of objects. */
#ifndef HOST_TABLE_H
#define HOST_TABLE_H

#include <jansson.h>
#include <stddef.h>

#include "common/diag.h"
#include "common/memory.h"

#define TABLE_COLUMNS_MAX 20000

/* The columns' order: by group; parameters and metrics by name, the others as they came.
 * A parameter or a metric that has another column's name gets its group's before it:
 * "param.id", "metric.beta". */
enum table_group { TABLE_FIRST, TABLE_PARAM, TABLE_METRIC, TABLE_LAST };

struct table {
	struct table_column *columns;
	size_t column_count, column_room;
	void *names; /* of tsearch(3): a column's number by its group and name */
	struct table_row *rows;
	size_t row_count, row_room;
};

void table_add_row(struct table *t);
/* Makes the column, so that it is there though no row has a value. Returns 0 or -1. */
int table_add_column(
	struct table *t, enum table_group g, const char *name, struct diag *d);
/* Sets a value of the last row: a text, number or boolean; others are left out. */
int table_set(struct table *t, enum table_group g, const char *name, const json_t *value,
	struct diag *d);
/* The same of all that is in an object: "a.b" is b of the object a. */
int table_set_all(
	struct table *t, enum table_group g, const json_t *object, struct diag *d);

void table_format_csv(struct table *t, struct buffer *b);
void table_format_json(struct table *t, struct buffer *b);
void table_clear(struct table *t);

#endif
