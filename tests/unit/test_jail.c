/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "runtime/host/jail.h"

#define DONE 0
#define REFUSED 1 /* an errno that says no */
#define ODD 2

struct fixture {
	char folder[32];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->folder, "/tmp/jail.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct diag d = {0};

	file_close(&f->fd);
	file_remove_tree(AT_FDCWD, f->folder, &d);
	free(f);
	return 0;
}

/* What a deed in the jail comes to: an exit status, or minus the signal. */
static int do_inside(const struct fixture *f, int (*deed)(int folder))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		const struct jail_limits limits = {.memory_bytes = RLIM_INFINITY,
			.cpu_seconds = 10,
			.file_bytes = 1 << 20,
			.descriptors = 64};
		struct diag d = {0};

		/* Not _exit(), to which the sanitizers add calls of their own. */
		syscall(SYS_exit_group,
			jail_enter(&limits, f->fd, &d) < 0 ? 99 : deed(f->fd));
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int judge(long rc)
{
	if (rc >= 0)
		return DONE;
	return errno == EACCES || errno == EPERM || errno == EFBIG ? REFUSED : ODD;
}

static int write_inside(int folder)
{
	int fd;

	if (mkdirat(folder, "a", 0700) < 0 || symlinkat("x", folder, "link") < 0)
		return ODD;
	fd = openat(folder, "a/file", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 10) < 0)
		return ODD;
	return judge(linkat(folder, "a/file", folder, "again", 0));
}

static int write_too_much(int folder)
{
	int fd = openat(folder, "large", O_WRONLY | O_CREAT | O_EXCL, 0600);

	return judge(ftruncate(fd, 2 << 20));
}

static int make_outside(int folder)
{
	(void)folder;
	return judge(open("/tmp/wurun-jail-escaped", O_WRONLY | O_CREAT, 0600));
}

static int make_above(int folder)
{
	return judge(openat(folder, "../wurun-jail-escaped", O_WRONLY | O_CREAT, 0600));
}

static int read_outside(int folder)
{
	(void)folder;
	return judge(open("/etc/passwd", O_RDONLY));
}

static int make_device(int folder)
{
	return judge(mknodat(folder, "dev", S_IFIFO | 0600, 0));
}

static int remove_file(int folder)
{
	return judge(unlinkat(folder, "a/file", 0));
}

static int open_socket(int folder)
{
	(void)folder;
	return judge(socket(AF_INET, SOCK_STREAM, 0));
}

static int have_children(int folder)
{
	(void)folder;
	return judge(fork());
}

static int run_program(int folder)
{
	(void)folder;
	return judge(execl("/bin/true", "true", (char *)NULL));
}

static int map_code(int folder)
{
	(void)folder;
	return judge(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static int kill_parent(int folder)
{
	(void)folder;
	return judge(kill(getppid(), 0));
}

static void what_unpacking_needs_is_allowed(void **state)
{
	assert_int_equal(do_inside(*state, write_inside), DONE);
}

static void files_have_a_limit(void **state)
{
	assert_int_equal(do_inside(*state, write_too_much), REFUSED);
}

static void nothing_outside_the_folder(void **state)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

	if (version < 1) {
		print_message("lacks Landlock in this kernel\n");
		skip();
	}
	assert_int_equal(do_inside(*state, make_outside), REFUSED);
	assert_int_equal(do_inside(*state, make_above), REFUSED);
	assert_int_equal(do_inside(*state, read_outside), REFUSED);
	assert_int_not_equal(access("/tmp/wurun-jail-escaped", F_OK), 0);
}

static void other_calls_are_the_end(void **state)
{
	static int (*const deeds[])(int) = {make_device, remove_file, open_socket,
		have_children, run_program, map_code, kill_parent};

	for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++)
		assert_int_equal(do_inside(*state, deeds[i]), -SIGSYS);
}

static void only_named_descriptors_are_kept(void **state)
{
	const struct fixture *f = *state;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int extra = open("/dev/null", O_RDONLY);
		int high = fcntl(extra, F_DUPFD, 200);
		const int keep[] = {high, f->fd};
		struct stat st;

		if (jail_keep_descriptors(keep, 2) < 0)
			_exit(1);
		if (fstat(3, &st) < 0 || !S_ISCHR(st.st_mode))
			_exit(2);
		if (fstat(4, &st) < 0 || !S_ISDIR(st.st_mode))
			_exit(3);
		for (int fd = 5; fd < 1024; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				_exit(4);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_unpacking_needs_is_allowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_have_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nothing_outside_the_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			other_calls_are_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			only_named_descriptors_are_kept, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
