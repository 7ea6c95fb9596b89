/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <signal.h>

#include "compiler/family.h"

#define WAIT_TRIES 500 /* of 20 ms */

struct heard {
	struct buffer lines;
	const struct scratch *scratch;
};

static void hear(void *context, const char *line)
{
	struct heard *h = context;

	buffer_printf(&h->lines, "[%s]", line);
}

static void clean(void *context)
{
	const struct heard *h = context;

	scratch_text(h->scratch, "cleaned", "");
}

/* Runs a shell script as a family; its output goes to the file "out". */
static int run(const struct scratch *s, const char *script, int input, struct heard *h)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};
	const char *const environment[] = {"PATH=/usr/bin:/bin", "WORD=a b", NULL};
	struct diag d = {0};
	int out = openat(s->fd, "out", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct family f = {.argv = argv,
		.environment = environment,
		.folder = s->fd,
		.kept = s->fd,
		.input = input,
		.output = out,
		.hear = hear,
		.clean = clean,
		.context = h};
	int status;

	h->scratch = s;
	assert_true(out >= 0);
	status = family_run(&f, &d);
	scratch_expect_none(&d);
	close(out);
	return status;
}

static void expect_file(const struct scratch *s, const char *name, const char *text)
{
	struct diag d = {0};
	size_t size;
	char *found = file_read(s->fd, name, 65536, &size, &d);

	scratch_expect_none(&d);
	assert_string_equal(found, text);
	free(found);
}

static void gives_the_status(void **state)
{
	struct heard h = {0};

	assert_int_equal(run(*state, "exit 0", -1, &h), 0);
	assert_int_equal(run(*state, "exit 7", -1, &h), 7);
	assert_int_equal(run(*state, "kill -KILL $$", -1, &h), 128 + SIGKILL);
	assert_int_equal(h.lines.size, 0);
}

static void gives_lines_of_errors(void **state)
{
	struct heard h = {0};

	assert_int_equal(
		run(*state, "echo out; printf 'one\\ntwo\\rthree\\n\\nend' >&2", -1, &h),
		0);
	/* The last one was never ended. */
	assert_string_equal(h.lines.bytes, "[one][two][three]");
	expect_file(*state, "out", "out\n");
	buffer_clear(&h.lines);
}

static void a_line_without_end_is_given_in_parts(void **state)
{
	struct heard h = {0};

	assert_int_equal(
		run(*state, "head -c 1000000 /dev/zero | tr '\\0' x >&2", -1, &h), 0);
	assert_true(h.lines.size > 990000 && h.lines.size < 1010000);
	buffer_clear(&h.lines);
}

/* Nothing of ours: variables, descriptors, mask, ignored signals. */
static void starts_clean(void **state)
{
	const struct scratch *s = *state;
	struct heard h = {0};
	int input, stray = open("/dev/null", O_RDONLY); /* without close-on-exec */
	mode_t mask = umask(077);
	char *text;

	assert_true(stray >= 0);
	scratch_text(s, "in", "from the input\n");
	input = openat(s->fd, "in", O_RDONLY | O_CLOEXEC);
	setenv("STRAY", "x", 1);
	signal(SIGTERM, SIG_IGN);
	assert_int_equal(run(s,
				 "cat <&9; cat; env | grep -v ^_= | sort; umask; "
				 "ls /proc/self/fd | xargs; "
				 "exec 2>/dev/null; sh -c 'kill -TERM $$'; echo $?",
				 input, &h),
		0);
	signal(SIGTERM, SIG_DFL);
	umask(mask);
	text = memory_printf("from the input\nPATH=/usr/bin:/bin\nPWD=%s\nWORD=a b\n"
			     "0022\n0 1 2 3 9\n143\n",
		s->path); /* 3 is the folder that ls reads */
	expect_file(s, "out", text);
	free(text);
	assert_null(h.lines.bytes);
	close(stray);
	close(input);
}

static void waits_for_descendants(void **state)
{
	struct heard h = {0};

	assert_int_equal(run(*state, "(sleep 0.3; echo late >late) & exit 3", -1, &h), 3);
	expect_file(*state, "late", "late\n");
}

static int exists(const struct scratch *s, const char *name)
{
	return faccessat(s->fd, name, F_OK, 0) == 0;
}

static void wait_until(const struct scratch *s, const char *name)
{
	for (int i = 0; i < WAIT_TRIES && !exists(s, name); i++)
		usleep(20000);
	if (!exists(s, name))
		fail_msg("no %s appears", name);
}

/* SIGKILL leaves us no time: the guardian ends the family, then cleans up. */
static void ends_with_its_owner(void **state)
{
	const struct scratch *s = *state;
	struct heard h = {0};
	pid_t owner = fork();
	char *text;
	size_t size;
	struct diag d = {0};
	int status;

	if (owner == 0) {
		run(s, "echo $$ >pid.new; mv pid.new pid; exec sleep 1000", -1, &h);
		_exit(0);
	}
	wait_until(s, "pid");
	text = file_read(s->fd, "pid", 64, &size, &d);
	assert_non_null(text);
	assert_false(exists(s, "cleaned"));
	assert_int_equal(kill(owner, SIGKILL), 0);
	assert_int_equal(waitpid(owner, &status, 0), owner);
	wait_until(s, "cleaned");
	assert_int_equal(kill(atoi(text), 0), -1);
	free(text);
}

static void a_program_that_is_not_there(void **state)
{
	const struct scratch *s = *state;
	const char *const argv[] = {"/nonexistent/program", NULL};
	struct diag d = {0};
	struct family f = {.argv = argv, .environment = argv + 1, .folder = s->fd};

	assert_int_equal(family_run(&f, &d), -1);
	scratch_expect(&d, "/nonexistent/program: No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gives_the_status),
		TEST(gives_lines_of_errors),
		TEST(a_line_without_end_is_given_in_parts),
		TEST(starts_clean),
		TEST(waits_for_descendants),
		TEST(ends_with_its_owner),
		TEST(a_program_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
