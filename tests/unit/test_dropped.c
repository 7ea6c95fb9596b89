/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <errno.h>
#include <sys/wait.h>

#include "runtime/guest/dropped.h"

const int memory_exit_status = 2;

#define MANY 40
#define LATER_MS 2000 /* longer than a file has to be still */

/* A polled folder, and a file that a script adds a line to when it runs. */
struct polled {
	struct scratch *scratch;
	char *folder, *log;
	struct user user;
	struct dropped dropped;
	uint64_t now_ms;
};

static int polled_setup(void **state)
{
	struct polled *p = memory_alloc(sizeof(*p));
	static char *const none[] = {NULL};
	void *scratch;

	if (scratch_setup(&scratch) != 0)
		return -1;
	p->scratch = scratch;
	p->folder = memory_printf("%s/scripts", p->scratch->path);
	p->log = memory_printf("%s/log", p->scratch->path);
	p->user = (struct user){.id = geteuid(), .group = getegid()};
	p->dropped = (struct dropped){
		.folder = p->folder, .user = &p->user, .environment = none};
	assert_int_equal(mkdir(p->folder, 0755), 0);
	*state = p;
	return 0;
}

static int polled_teardown(void **state)
{
	struct polled *p = *state;
	void *scratch = p->scratch;

	free(p->folder);
	free(p->log);
	free(p);
	return scratch_teardown(&scratch);
}

/* Waits for what it launched. */
static int look(struct polled *p)
{
	int count = dropped_look(&p->dropped, p->now_ms);

	while (wait(NULL) > 0)
		;
	p->now_ms += LATER_MS;
	return count;
}

static void need_launches(void)
{
	/* A script's user is set before it starts. */
	if (geteuid() != 0)
		skip();
}

/* Without them a script that is ended between a look and its launch is launched twice. */
static void need_leases(const struct polled *p)
{
	int fd = openat(p->scratch->fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	int has = fd >= 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0;

	if (fd >= 0)
		close(fd);
	if (!has)
		skip();
}

static int start_script(const struct polled *p, int number)
{
	char *path = memory_printf("%s/%d", p->folder, number);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	free(path);
	assert_int_equal(file_write(fd, "#!/bin/sh\n", 10), 0);
	return fd;
}

static void end_script(const struct polled *p, int number, int fd)
{
	char *text = memory_printf("echo %d >>%s\n", number, p->log);

	assert_int_equal(file_write(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
	free(text);
}

static size_t count_lines(const struct polled *p)
{
	struct diag d = {0};
	char *text = file_read(AT_FDCWD, p->log, 1 << 20, NULL, &d);
	size_t count = 0;

	for (const char *at = text; at && *at; at++)
		count += *at == '\n';
	diag_clear(&d);
	free(text);
	return count;
}

static void is_launched_once_when_it_is_whole(void **state)
{
	struct polled *p = *state;
	int fd;

	need_launches();
	fd = start_script(p, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(p), 0);
	end_script(p, 1, fd);
	assert_int_equal(look(p), 0);
	assert_int_equal(look(p), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(p), 0);
	assert_int_equal(count_lines(p), 1);
}

/* Scripts are ended at any instant of a look. */
static void is_launched_once_whenever_it_is_ended(void **state)
{
	struct polled *p = *state;
	int count = 0, status;
	pid_t writer;

	need_launches();
	need_leases(p);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		for (int i = 0; i < MANY; i++) {
			int fd = start_script(p, i);

			usleep((useconds_t)(5000 + 997 * i % 5000));
			end_script(p, i, fd);
		}
		_exit(0);
	}
	while (waitpid(writer, &status, WNOHANG) == 0)
		count += dropped_look(&p->dropped, p->now_ms += LATER_MS);
	assert_int_equal(status, 0);
	for (int i = 0; i < 3; i++)
		count += dropped_look(&p->dropped, p->now_ms += LATER_MS);
	while (wait(NULL) > 0)
		;
	assert_int_equal(count, MANY);
	assert_int_equal(count_lines(p), MANY);
}

static void is_remembered_while_the_folder_is_out_of_reach(void **state)
{
	struct polled *p = *state;
	char *aside = memory_printf("%s.aside", p->folder);

	need_launches();
	end_script(p, 1, start_script(p, 1));
	assert_int_equal(look(p), 0);
	assert_int_equal(look(p), 1);
	assert_int_equal(rename(p->folder, aside), 0);
	assert_int_equal(look(p), 0);
	assert_int_equal(rename(aside, p->folder), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(p), 0);
	free(aside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			is_launched_once_when_it_is_whole, polled_setup, polled_teardown),
		cmocka_unit_test_setup_teardown(is_launched_once_whenever_it_is_ended,
			polled_setup, polled_teardown),
		cmocka_unit_test_setup_teardown(
			is_remembered_while_the_folder_is_out_of_reach, polled_setup,
			polled_teardown),
	};

	return cmocka_run_group_tests_name("dropped", tests, NULL, NULL);
}
