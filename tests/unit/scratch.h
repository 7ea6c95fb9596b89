/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scratch: for unit tests: a folder of their own that goes away, files in it, and other
 * programs run on them. A failure fails the test. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/diag.h"
#include "common/file.h"
#include "common/memory.h"

struct scratch {
	char *path;
	int fd;
};

static inline int scratch_setup(void **state)
{
	struct scratch *s = memory_alloc(sizeof(*s));
	const char *tmp = getenv("TMPDIR");

	s->path = memory_printf("%s/wu-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	*state = s;
	return 0;
}

static inline int scratch_teardown(void **state)
{
	struct scratch *s = *state;
	struct diag d = {0};
	int rc = file_remove_tree(AT_FDCWD, s->path, &d);

	diag_clear(&d);
	close(s->fd);
	free(s->path);
	free(s);
	return rc;
}

static inline void scratch_write(
	const struct scratch *s, const char *name, const void *bytes, size_t size)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, bytes, size), 0);
	assert_int_equal(close(fd), 0);
}

static inline void scratch_text(
	const struct scratch *s, const char *name, const char *text)
{
	scratch_write(s, name, text, strlen(text));
}

static inline void scratch_folder(const struct scratch *s, const char *name)
{
	assert_int_equal(mkdirat(s->fd, name, 0755), 0);
}

/* Runs a program in the folder, its output and errors into `output` (text); gives its
 * exit status, or 128 and the signal. */
static inline int scratch_run(
	const struct scratch *s, struct buffer *output, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	char chunk[4096];
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addchdir_np(&actions, s->path);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
	if (posix_spawnp(
		    &pid, argv[0], &actions, NULL, (char **)(uintptr_t)argv, environ))
		fail_msg("%s: cannot be started", argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	buffer_clear(output);
	buffer_add(output, "", 0);
	while ((n = read(ends[0], chunk, sizeof(chunk))) > 0)
		buffer_add(output, chunk, (size_t)n);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs it and expects status 0. */
#define scratch_must_run(s, output, ...)                                                 \
	do {                                                                             \
		const char *argv_[] = {__VA_ARGS__, NULL};                               \
		if (scratch_run(s, output, argv_) != 0)                                  \
			fail_msg("%s failed:\n%s", argv_[0], (output)->bytes);           \
	} while (0)

/* Expects these messages, all of them, and clears them. */
static inline void scratch_expect_lines(
	struct diag *d, size_t count, const char *const *lines)
{
	for (size_t i = 0; i < d->count && i < count; i++)
		assert_string_equal(d->lines[i].text, lines[i]);
	if (d->count > count)
		fail_msg("one message too many: %s", d->lines[count].text);
	assert_int_equal(d->count, count);
	diag_clear(d);
}

#define scratch_expect(d, ...)                                                           \
	do {                                                                             \
		const char *lines_[] = {__VA_ARGS__};                                    \
		scratch_expect_lines(d, sizeof(lines_) / sizeof(lines_[0]), lines_);     \
	} while (0)

/* Expects no message. */
static inline void scratch_expect_none(struct diag *d)
{
	if (d->count)
		fail_msg("unexpected: %s", d->lines[0].text);
}

#endif
