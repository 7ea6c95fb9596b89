/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/host/table.h"

static void set(struct table *t, enum table_group g, const char *json)
{
	json_t *object = json_loads(json, 0, NULL);
	struct diag d = {0};

	assert_non_null(object);
	assert_int_equal(table_set_all(t, g, object, &d), 0);
	json_decref(object);
}

static void expect_csv(struct table *t, const char *wanted)
{
	struct buffer b = {0};

	table_format_csv(t, &b);
	assert_string_equal(b.bytes, wanted);
	buffer_clear(&b);
}

static void test_columns_have_an_order(void **state)
{
	struct table t = {0};
	struct diag d = {0};
	struct buffer b = {0};

	(void)state;
	table_add_column(&t, TABLE_LAST, "class", &d);
	table_add_row(&t);
	set(&t, TABLE_METRIC, "{\"loss\": 0.1, \"a\": {\"c\": 2, \"b\": true}}");
	set(&t, TABLE_FIRST, "{\"id\": \"x\"}");
	set(&t, TABLE_PARAM, "{\"n\": 1, \"k\": 2}");
	table_add_row(&t);
	set(&t, TABLE_LAST, "{\"class\": \"ok\"}");
	set(&t, TABLE_METRIC, "{\"zero\": 0, \"list\": [1, 2], \"null\": null}");
	expect_csv(&t, "id,k,n,a.b,a.c,loss,zero,class\n"
		       "x,2,1,TRUE,2,0.1,,\n"
		       ",,,,,,0,ok\n");
	table_format_json(&t, &b);
	assert_string_equal(b.bytes,
		"[\n{\"id\":\"x\",\"k\":2,\"n\":1,\"a.b\":true,\"a.c\":2,\"loss\":0.1},\n"
		"{\"zero\":0,\"class\":\"ok\"}\n]\n");
	buffer_clear(&b);
	table_clear(&t);
}

static void test_quoting(void **state)
{
	struct table t = {0};

	(void)state;
	table_add_row(&t);
	set(&t, TABLE_PARAM,
		"{\"a,b\": \"c,d\", \"e\": \"say \\\"hi\\\"\", \"f\": \"two\\nlines\", "
		"\"g\": \"\", \"h\": \"plain text\", \"i\": \" leads\", \"j\": \"ü\"}");
	expect_csv(&t, "\"a,b\",e,f,g,h,i,j\n\"c,d\",\"say \"\"hi\"\"\",\"two\nlines\","
		       "\"\",plain text,\" leads\",ü\n");
	table_clear(&t);
}

static void test_numbers_stay_what_they_are(void **state)
{
	struct table t = {0};

	(void)state;
	table_add_row(&t);
	set(&t, TABLE_METRIC,
		"{\"a\": 0.45, \"b\": 1e300, \"c\": -0.1, \"d\": 9007199254740993, "
		"\"e\": 1.0, \"f\": 1e-7}");
	expect_csv(&t, "a,b,c,d,e,f\n0.45,1e+300,-0.1,9007199254740993,1.0,1e-07\n");
	table_clear(&t);
}

static void test_no_two_columns_have_one_name(void **state)
{
	struct table t = {0};

	(void)state;
	table_add_row(&t);
	set(&t, TABLE_FIRST, "{\"id\": \"x\"}");
	set(&t, TABLE_PARAM, "{\"id\": 1, \"beta\": 2, \"param.id\": 3}");
	set(&t, TABLE_METRIC,
		"{\"beta\": 4, \"class\": 5, \"metric.beta\": 6, "
		"\"twice\": {\"a\": 7}, \"twice.a\": 8}");
	set(&t, TABLE_LAST, "{\"class\": \"ok\"}");
	expect_csv(&t, "id,beta,param.id,param.param.id,metric.beta,metric.class,"
		       "metric.metric.beta,twice.a,class\n"
		       "x,2,1,3,4,5,6,8,ok\n");
	table_clear(&t);
}

static void test_columns_are_limited(void **state)
{
	struct table t = {0};
	struct diag d = {0};
	json_t *one = json_integer(1);
	int rc = 0, count = 0;

	(void)state;
	table_add_row(&t);
	for (; rc == 0 && count < 2 * TABLE_COLUMNS_MAX; count++) {
		char *name = memory_printf("m%d", count);

		rc = table_set(&t, TABLE_METRIC, name, one, &d);
		free(name);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(count, TABLE_COLUMNS_MAX + 1);
	assert_string_equal(d.lines[0].text, "more than 20000 columns");
	diag_clear(&d);
	json_decref(one);
	table_clear(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_have_an_order),
		cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_numbers_stay_what_they_are),
		cmocka_unit_test(test_no_two_columns_have_one_name),
		cmocka_unit_test(test_columns_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
