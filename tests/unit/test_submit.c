/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/host/slurm_ask.h"
#include "runtime/host/slurm_command.h"
#include "runtime/host/submit.h"
#include "runtime/host/submit_script.h"
#include "runtime/host/submit_sent.h"

static void instances_are_packed(void **state)
{
	static const char ids[7][WU_ID_DIGITS + 1] = {"000000000000", "000000000001",
		"000000000002", "000000000003", "000000000004", "000000000005",
		"000000000006"};
	struct manifest_instance instances[7];
	const struct manifest_instance *list[7];
	struct buffer b = {0};

	(void)state;
	for (int i = 0; i < 7; i++) {
		instances[i] = (struct manifest_instance){.id = ids[i]};
		list[i] = &instances[i];
	}
	assert_int_equal(submit_count_tasks(0, 3), 0);
	assert_int_equal(submit_count_tasks(1, 3), 1);
	assert_int_equal(submit_count_tasks(6, 3), 2);
	assert_int_equal(submit_count_tasks(7, 3), 3);
	assert_int_equal(submit_count_tasks(SIZE_MAX, 1), SIZE_MAX);
	submit_add_tasks(&b, list, 7, 3);
	assert_string_equal(b.bytes, "1 000000000000 000000000001 000000000002\n"
				     "2 000000000003 000000000004 000000000005\n"
				     "3 000000000006\n");
	buffer_clear(&b);
	submit_add_tasks(&b, list, 0, 3);
	assert_string_equal(b.bytes, "");
	buffer_clear(&b);
}

static void expect_name(const char *name, const char *wanted)
{
	char *plain = submit_plain_name(name);

	assert_string_equal(plain, wanted);
	free(plain);
}

static void a_job_has_a_plain_name(void **state)
{
	(void)state;
	expect_name("sir", "sir");
	expect_name("sir-2.b_C", "sir-2.b_C");
	expect_name("-x y'z,\"%a\\$(id)\n", "_x_y_z___a___id__");
	expect_name("\xc3\xa4", "__");
	expect_name("0123456789012345678901234567890123456789cut",
		"0123456789012345678901234567890123456789");
}

/* What a shell makes of the words, each ended by a NUL. */
static void expect_words(char *const *words, size_t count)
{
	struct buffer command = {0};
	char got[4096] = "";
	size_t size = 0, at = 0;
	FILE *shell;

	buffer_add_text(&command, "printf '%s\\0' ");
	submit_add_command(&command, words);
	shell = popen(command.bytes, "r");
	assert_non_null(shell);
	size = fread(got, 1, sizeof(got), shell);
	assert_int_equal(pclose(shell), 0);
	for (size_t i = 0; i < count; i++) {
		assert_true(at + strlen(words[i]) < size);
		assert_string_equal(got + at, words[i]);
		at += strlen(words[i]) + 1;
	}
	assert_int_equal(at, size);
	buffer_clear(&command);
}

static void a_shell_reads_words_as_they_are(void **state)
{
	char words[][40] = {"plain/path.x", "a b", "it's", "\"$(id)`id`\\", "new\nline\n",
		"", "*?[a]~", "''", "#;&|<>!{}", "\xff\x01"};
	char *argv[] = {words[0], words[1], words[2], words[3], words[4], words[5],
		words[6], words[7], words[8], words[9], NULL};
	struct buffer b = {0};

	(void)state;
	expect_words(argv, 10);
	submit_add_word(&b, "--output=/a/task-%a.log");
	assert_string_equal(b.bytes, "--output=/a/task-%a.log");
	buffer_clear(&b);
}

/* The script, stopped after its settings, says what it has understood. */
static void the_script_keeps_paths(void **state)
{
	static const char unit[] = "/u/it's a\n\"$(echo no)`\\ unit ";
	static const char results[] = "/r/%a '' ";
	const struct submit_script s = {
		"/opt/wu run", unit, results, "/f/'", 3, "${1:-}"};
	static const char say[] =
		"printf '%s|' \"$WURUN\" \"$UNIT\" \"$RESULTS\" \"$FOLDER\" "
		"\"$CPUS\" \"$TASK\"; exit\n";
	char path[] = "/tmp/test_submit-XXXXXX", got[512] = "", *command;
	struct buffer b = {0};
	const char *end;
	FILE *file, *shell;

	(void)state;
	submit_script_add(&b, &s);
	end = strstr(b.bytes, "RESTARTS=");
	assert_non_null(end);
	file = fdopen(mkstemp(path), "w");
	assert_non_null(file);
	fwrite(b.bytes, 1, (size_t)(end - b.bytes), file);
	fputs(say, file);
	assert_int_equal(fclose(file), 0);
	command = memory_printf("sh %s 12", path);
	shell = popen(command, "r");
	assert_non_null(shell);
	assert_true(fread(got, 1, sizeof(got) - 1, shell) > 0);
	assert_int_equal(pclose(shell), 0);
	unlink(path);
	free(command);
	buffer_clear(&b);
	command = memory_printf("/opt/wu run|%s|%s|/f/'|3|12|", unit, results);
	assert_string_equal(got, command);
	free(command);
}

static int has_word(char **argv, const char *word)
{
	for (; *argv; argv++)
		if (strcmp(*argv, word) == 0)
			return 1;
	return 0;
}

static void sbatch_is_told_what_a_task_needs(void **state)
{
	char extra[] = "--time=5";
	char *const extras[] = {extra};
	struct slurm_job j = {.name = "sir-01",
		.folder = "/r 100%/sir-01",
		.script = "/r 100%/sir-01/task.sh",
		.tasks = 250,
		.cpus = 2,
		.memory_bytes = (384ull << 20) + 1,
		.minutes = 60};
	struct arena a = {0};
	char **argv = slurm_make_command(&j, "sbatch", &a);
	size_t count = 0;

	(void)state;
	assert_string_equal(argv[0], "sbatch");
	assert_true(has_word(argv, "--array=1-250"));
	assert_true(has_word(argv, "--cpus-per-task=2"));
	assert_true(has_word(argv, "--mem=385M"));
	assert_true(has_word(argv, "--time=60"));
	assert_true(has_word(argv, "--signal=B:USR1@120"));
	assert_true(has_word(argv, "--requeue"));
	assert_true(has_word(argv, "--chdir=/r 100%/sir-01"));
	assert_true(has_word(argv, "--output=/r 100%%/sir-01/task-%a.log"));
	while (argv[count])
		count++;
	assert_string_equal(argv[count - 1], j.script);

	/* The user's own options come last, where they win; a short task hears its
	 * warning late enough; a second array waits for the first. */
	j.throttle = 4;
	j.minutes = 4;
	j.after = "77";
	j.extra = extras;
	j.extra_count = 1;
	argv = slurm_make_command(&j, "sbatch", &a);
	assert_true(has_word(argv, "--array=1-250%4"));
	assert_true(has_word(argv, "--signal=B:USR1@60"));
	assert_true(has_word(argv, "--dependency=afterany:77"));
	for (count = 0; argv[count];)
		count++;
	assert_string_equal(argv[count - 2], extra);

	/* No limit: the partition's. */
	j.minutes = 0;
	j.extra_count = 0;
	argv = slurm_make_command(&j, "sbatch", &a);
	for (; *argv; argv++)
		assert_int_not_equal(strncmp(*argv, "--time=", 7), 0);
	arena_clear(&a);
}

static void a_task_has_time_for_its_instances(void **state)
{
	(void)state;
	assert_int_equal(slurm_choose_minutes(0, 9), 0);
	assert_int_equal(slurm_choose_minutes(120000, 1), 8);
	assert_int_equal(slurm_choose_minutes(120000, 10), 35);
	assert_int_equal(slurm_choose_minutes(1, 1), 7);
	assert_int_equal(slurm_round_minutes(60001), 2);
}

static void answers_are_read(void **state)
{
	size_t length;

	(void)state;
	assert_int_equal(slurm_find_array_size("Configuration data\n"
					       "MaxArraySize            = 1001\n"
					       "MaxDBDMsgs = 5\n"),
		1001);
	assert_int_equal(slurm_find_array_size("MaxArraySize = 0"), 0);
	assert_int_equal(
		slurm_find_array_size("NoMaxArraySize = 7\nMaxJobCount = 8"), -1);
	assert_int_equal(slurm_find_array_size(""), -1);
	assert_true(slurm_is_job("12\nrest", &length) && length == 2);
	assert_true(slurm_is_job("123;other", &length) && length == 3);
	assert_false(slurm_is_job("sbatch: error: 12", &length));
	assert_false(slurm_is_job("12 jobs", &length));
	assert_false(slurm_is_job("", &length));
}

static void what_is_queued_is_not_sent(void **state)
{
	struct submit_sent_item items[2][3] = {
		{{"00000000000a", 1, 0}, {"00000000000b", 1, 0}, {"00000000000c", 2, 0}},
		{{"00000000000d", 1, 0}, {"00000000000e", 12, 0},
			{"00000000000c", 3, 0}}};
	char names[2][8] = {"u-01", "u-02"};
	struct submit_sent_array arrays[2] = {
		{names[0], items[0], 3}, {names[1], items[1], 3}};
	struct submit_sent sent = {arrays, 2};
	struct manifest_instance all[5];
	static const char ids[5][WU_ID_DIGITS + 1] = {"00000000000a", "00000000000b",
		"00000000000c", "00000000000d", "00000000000e"};
	const struct manifest_instance *list[5];
	struct submission s = {.list = list, .count = 5};

	(void)state;
	for (int i = 0; i < 5; i++) {
		all[i] = (struct manifest_instance){.id = ids[i]};
		list[i] = &all[i];
	}
	slurm_mark_queued(
		"u-01 1\nsqueue: a warning\nu-02 12\nu-03 2\nu-02 N/A\n u-02 1", &sent);
	submit_sent_drop(&sent, &s);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.underway, 3);
	assert_string_equal(list[0]->id, ids[2]);
	assert_string_equal(list[1]->id, ids[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instances_are_packed),
		cmocka_unit_test(a_job_has_a_plain_name),
		cmocka_unit_test(a_shell_reads_words_as_they_are),
		cmocka_unit_test(the_script_keeps_paths),
		cmocka_unit_test(sbatch_is_told_what_a_task_needs),
		cmocka_unit_test(a_task_has_time_for_its_instances),
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(what_is_queued_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
