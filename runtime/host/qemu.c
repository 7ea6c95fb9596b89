/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "common/file.h"
#include "common/memory.h"
#include "qemu_machine.h"

#define VERSION_LIMIT_BYTES 4096

const char *qemu_accelerator_name(enum accelerator a)
{
	return a == ACCELERATOR_KVM ? "kvm" : "tcg";
}

/* "QEMU emulator version 7.2.22 (Debian …)" */
static int take_version(struct qemu_program *p, const char *output, struct diag *d)
{
	const char *number = strstr(output, "version ");
	size_t line = strcspn(output, "\n");

	if (!number || number > output + line)
		return diag_fail(
			d, "%s: --version: it does not say its version", p->path);
	number += strlen("version ");
	p->version = memory_printf("%.*s", (int)line, output);
	p->number = memory_printf("%.*s", (int)strcspn(number, " \n,"), number);
	return 0;
}

/* QEMU reads its options from left to right: without seccomp it stops at -sandbox. */
static int ask_version(struct qemu_program *p, int sandbox, struct diag *d)
{
	char options[3][12] = {"-sandbox", "on", "--version"};
	char *with[] = {p->path, options[0], options[1], options[2], NULL};
	char *without[] = {p->path, options[2], NULL};
	char *output = NULL;
	int status = 0, rc = -1;

	if (child_read_output(sandbox ? with : without, VERSION_LIMIT_BYTES, &output,
		    &status, d) < 0)
		return -1;
	p->sandbox = sandbox;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		rc = take_version(p, output, d);
	else if (!sandbox)
		diag_fail(d, "%s: --version: it failed", p->path);
	free(output);
	return rc;
}

/* QEMU's small firmware for booting a kernel directly: it saves what SeaBIOS takes to
 * look for other things to boot. */
static char *find_bios(const char *program)
{
	const char *slash = strrchr(program, '/');
	char *path = memory_printf("%.*s/../share/qemu/qboot.rom",
		slash ? (int)(slash - program) : 0, program);

	if (slash && access(path, R_OK) == 0)
		return path;
	free(path);
	return NULL;
}

int qemu_find(struct qemu_program *p, struct diag *d)
{
	const char *wanted = getenv("WURUN_QEMU");
	const char *name = wanted && *wanted ? wanted : QEMU_PROGRAM;
	struct diag ignored = {0};
	int rc;

	*p = (struct qemu_program){.path = child_find_program(name)};
	if (!p->path)
		return diag_fail(d,
			"%s: not found in PATH: install QEMU (Debian: apt install "
			"qemu-system-x86)",
			name);
	rc = ask_version(p, 1, &ignored);
	diag_clear(&ignored);
	if (rc < 0)
		rc = ask_version(p, 0, d);
	if (rc < 0)
		qemu_forget(p);
	else
		p->bios = find_bios(p->path);
	return rc;
}

void qemu_forget(struct qemu_program *p)
{
	free(p->path);
	free(p->bios);
	free(p->version);
	free(p->number);
	*p = (struct qemu_program){0};
}

/* Never returns. errno goes to the parent through `failure`, which exec closes. What our
 * own parent left open, make's jobserver say, is not for QEMU (kernels before 5.11 cannot
 * close it). */
static void exec_qemu(struct qemu_arguments *a, int errors, int failure)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
		dup2(errors, 2) == 2) {
		syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
		for (size_t i = 0; i < a->passed_count; i++)
			fcntl(a->passed[i], F_SETFD, 0);
		if (a->scratch)
			setenv("TMPDIR", a->scratch, 1);
		execv(a->list[0], a->list);
	}
	(void)!write(failure, &errno, sizeof(errno));
	_exit(127);
}

/* Waits until the child is QEMU, or says why it is not. */
static int check_exec(int failure, const char *path, struct diag *d)
{
	int failed = 0;
	ssize_t n;

	do
		n = read(failure, &failed, sizeof(failed));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	errno = n == sizeof(failed) ? failed : EIO;
	return diag_fail_errno(d, "%s", path);
}

struct ends {
	int console[2], port[2], monitor[2], errors[2], failure[2];
};

#define ENDS_NONE ((struct ends){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}})

/* Ours does not block; wanted: 0 leaves them as they are. */
static int make_socket_pair(int ends[2], int wanted)
{
	if (!wanted)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

static int make_ends(struct ends *e, const struct qemu_machine *m, struct diag *d)
{
	if (make_socket_pair(e->console, 1) < 0 ||
		make_socket_pair(e->port, m->port) < 0 ||
		make_socket_pair(e->monitor, m->start != QEMU_COLD || m->monitor) < 0 ||
		pipe2(e->errors, O_CLOEXEC) < 0 || pipe2(e->failure, O_CLOEXEC) < 0 ||
		fcntl(e->errors[0], F_SETFL, O_NONBLOCK) < 0)
		return diag_fail_errno(d, "QEMU's descriptors");
	return 0;
}

static void close_ends(struct ends *e)
{
	for (int i = 0; i < 2; i++) {
		file_close(&e->console[i]);
		file_close(&e->port[i]);
		file_close(&e->monitor[i]);
		file_close(&e->errors[i]);
		file_close(&e->failure[i]);
	}
}

static int take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int qemu_start(const struct qemu_program *p, const struct qemu_machine *m, struct qemu *q,
	struct diag *d)
{
	struct qemu_arguments a = {0};
	CLEANUP(close_ends) struct ends e = ENDS_NONE;

	*q = QEMU_NONE;
	if (make_ends(&e, m, d) < 0)
		return -1;
	qemu_describe(
		&a, p, m, &(struct qemu_channels){e.console[1], e.port[1], e.monitor[1]});
	q->pid = child_fork(&q->pidfd, d);
	if (q->pid == 0)
		exec_qemu(&a, e.errors[1], e.failure[1]);
	arena_clear(&a.arena);
	if (q->pid < 0)
		return -1;
	file_close(&e.failure[1]);
	q->console = take(&e.console[0]);
	q->port = take(&e.port[0]);
	q->monitor = take(&e.monitor[0]);
	q->errors = take(&e.errors[0]);
	if (check_exec(e.failure[0], p->path, d) == 0)
		return 0;
	qemu_reap(q);
	qemu_close(q);
	return -1;
}

void qemu_kill(const struct qemu *q)
{
	if (q->pid > 0)
		syscall(SYS_pidfd_send_signal, q->pidfd, SIGKILL, NULL, 0);
}

int qemu_reap(struct qemu *q)
{
	int status = q->pid > 0 ? child_reap(q->pid) : 0;

	q->pid = 0;
	file_close(&q->pidfd);
	return status;
}

void qemu_close(struct qemu *q)
{
	file_close(&q->pidfd);
	file_close(&q->console);
	file_close(&q->port);
	file_close(&q->monitor);
	file_close(&q->errors);
	*q = QEMU_NONE;
}
