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
#include "runtime/unit.h"

#define ARGUMENT_LIMIT 128
#define VERSION_LIMIT_BYTES 4096
#define EMPTY_DISK_BYTES (UINT64_C(1) << 46)

struct arguments {
	struct arena arena;
	char *list[ARGUMENT_LIMIT];
	size_t count;
	int passed[16]; /* descriptors that QEMU inherits */
	size_t passed_count;
};

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

static void add(struct arguments *a, const char *text)
{
	if (a->count < ARGUMENT_LIMIT - 1)
		a->list[a->count++] = arena_strdup(&a->arena, text);
}

static void __attribute__((format(printf, 3, 4)))
add_option(struct arguments *a, const char *option, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = memory_vprintf(fmt, args);
	va_end(args);
	add(a, option);
	add(a, text);
	free(text);
}

static void pass(struct arguments *a, int fd)
{
	a->passed[a->passed_count++] = fd;
}

uint64_t qemu_round_memory(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20 << 20;
}

/* Private, a mapping keeps what the guest writes to itself. QEMU opens the file anew. */
static void add_memory(struct arguments *a, const struct qemu_machine *m)
{
	uint64_t mib = qemu_round_memory(m->memory_bytes) >> 20;

	add_option(a, "-m", "%" PRIu64, mib);
	if (m->start == QEMU_COLD)
		return;
	pass(a, m->memory);
	add_option(a, "-object",
		"memory-backend-file,id=ram,size=%" PRIu64
		"M,mem-path=/proc/self/fd/%d,share=%s,merge=off",
		mib, m->memory, m->start == QEMU_SAVED ? "on" : "off");
}

/* What a restored machine runs is in its memory already. */
static void add_kernel(struct arguments *a, const struct qemu_machine *m)
{
	if (m->start == QEMU_RESTORED) {
		pass(a, m->state);
		add_option(a, "-incoming", "defer");
		return;
	}
	add_option(a, "-kernel", "/proc/self/fd/%d", m->kernel);
	add_option(a, "-initrd", "/proc/self/fd/%d", m->initrd);
	add_option(a, "-append", "%s", m->append);
	pass(a, m->kernel);
	pass(a, m->initrd);
}

static void add_machine(
	struct arguments *a, const struct qemu_program *p, const struct qemu_machine *m)
{
	add(a, p->path);
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add(a, "-no-reboot");
	if (p->sandbox)
		add_option(a, "-sandbox",
			"on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			"resourcecontrol=deny");
	add_option(a, "-display", "none");
	add_option(a, "-machine", "q35,accel=%s%s", qemu_accelerator_name(m->accelerator),
		m->start == QEMU_COLD ? "" : ",memory-backend=ram");
	if (p->bios)
		add_option(a, "-bios", "%s", p->bios);
	/* TCG copies by `rep movsb` byte for byte; told that it is not fast, a kernel
	 * copies eight at a time, and boots in 5 % less. */
	add_option(
		a, "-cpu", m->accelerator == ACCELERATOR_KVM ? "host" : "max,erms=off");
	add_option(a, "-smp", "%u", m->cpus);
	add_memory(a, m);
	add_kernel(a, m);
}

/* A disk by descriptor: no path, no lock, and no second open in another mode. The output
 * disk is a scratch copy that is synced when it was unpacked: QEMU need not flush it. */
static void add_disk(struct arguments *a, const char *name, int fd, int writable)
{
	if (fd < 0)
		return;
	pass(a, fd);
	add_option(a, "-add-fd", "fd=%d,set=%d", fd, fd);
	add_option(a, "-blockdev",
		"driver=raw,node-name=%s,read-only=%s%s,file.driver=file,"
		"file.filename=/dev/fdset/%d,file.locking=off",
		name, writable ? "off" : "on",
		writable ? ",cache.no-flush=on,discard=unmap" : "", fd);
	add_option(a, "-device", "virtio-blk-pci,drive=%s%s", name,
		writable ? ",werror=report,rerror=report" : "");
}

/* What stands for a disk that is still to come: larger than any, so that a guest which
 * remembers this size never misses a part of that one. */
static void add_empty_disk(struct arguments *a, const char *name)
{
	add_option(a, "-blockdev",
		"driver=null-co,node-name=%s,size=%" PRIu64
		",read-zeroes=on,read-only=on",
		name, EMPTY_DISK_BYTES);
	add_option(a, "-device", "virtio-blk-pci,drive=%s", name);
}

static void add_monitor(struct arguments *a, int monitor)
{
	pass(a, monitor);
	add_option(a, "-chardev", "socket,id=monitor,fd=%d", monitor);
	add_option(a, "-mon", "chardev=monitor,mode=control");
}

static void add_devices(
	struct arguments *a, const struct qemu_machine *m, int console, int port)
{
	pass(a, console);
	add_option(a, "-chardev", "socket,id=console,fd=%d", console);
	add_option(a, "-device", "isa-serial,chardev=console");
	add_option(a, "-object", "rng-builtin,id=rng");
	add_option(a, "-device", "virtio-rng-pci,rng=rng");
	add_disk(a, "app", m->app, 0);
	if (m->start == QEMU_SAVED && m->params < 0)
		add_empty_disk(a, "params");
	else
		add_disk(a, "params", m->params, 0);
	add_disk(a, "output", m->output, 1);
	add_disk(a, "root", m->root, 0);
	if (port >= 0) {
		pass(a, port);
		add_option(a, "-chardev", "socket,id=port,fd=%d", port);
		add_option(a, "-device", "virtio-serial-pci");
		add_option(a, "-device", "virtserialport,chardev=port,name=" WU_PORT);
	}
	if (m->network) {
		add_option(a, "-netdev", "user,id=net");
		add_option(a, "-device", "virtio-net-pci,netdev=net,romfile=");
	}
}

/* Never returns. errno goes to the parent through `failure`, which exec closes. What our
 * own parent left open, make's jobserver say, is not for QEMU (kernels before 5.11 cannot
 * close it). */
static void exec_qemu(struct arguments *a, int errors, int failure)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 &&
		dup2(errors, 2) == 2) {
		syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
		for (size_t i = 0; i < a->passed_count; i++)
			fcntl(a->passed[i], F_SETFD, 0);
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
		make_socket_pair(e->monitor, m->start != QEMU_COLD) < 0 ||
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
	struct arguments a = {0};
	CLEANUP(close_ends) struct ends e = ENDS_NONE;

	*q = QEMU_NONE;
	if (make_ends(&e, m, d) < 0)
		return -1;
	add_machine(&a, p, m);
	add_devices(&a, m, e.console[1], e.port[1]);
	if (m->start != QEMU_COLD)
		add_monitor(&a, e.monitor[1]);
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
