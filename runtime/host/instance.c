/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "common/file.h"
#include "common/text.h"
#include "outcome.h"
#include "runtime/unit.h"
#include "wake.h"

/* A guest that boots at all says hello long before these. */
#define BOOT_KVM_MS 30000
#define BOOT_TCG_MS 180000
/* From a snapshot it takes a tenth of a second. */
#define WAKE_MS 30000
/* The guest enforces its limit itself; this is for one that does not. */
#define GRACE_MS 30000
#define GRACE_PART 10
/* From the record to the end of QEMU; from a panic to the reboot after it. */
#define SHUTDOWN_MS 60000
#define PANIC_MS 3000
#define ERRORS_LIMIT_BYTES 8192

static void set_deadline(struct instance *i, enum stop_cause cause, uint64_t in_ms)
{
	i->deadline_cause = cause;
	i->deadline_ms = cause == STOP_NONE ? CLOCK_NEVER : clock_now_ms() + in_ms;
}

static void set_time_deadline(struct instance *i)
{
	uint64_t limit = i->context->time_ms;

	if (limit)
		set_deadline(i, STOP_TIME, limit + limit / GRACE_PART + GRACE_MS);
	else
		set_deadline(i, STOP_NONE, 0);
}

uint64_t instance_boot_limit(const struct instance_context *c, enum accelerator a)
{
	if (c->boot_ms)
		return c->boot_ms;
	return a == ACCELERATOR_KVM ? BOOT_KVM_MS : BOOT_TCG_MS;
}

static void keep_live(struct instance *i, int stream, const char *bytes, size_t size)
{
	struct buffer *b = &i->live[stream];
	struct relay *r = stream ? i->context->err : i->context->out;

	i->relayed[stream] += size;
	live_add(&i->view, stream, bytes, size);
	if (r)
		relay_add(r, bytes, size);
	buffer_add(b, bytes, size);
	if (b->size > 2 * INSTANCE_LIVE_BYTES) {
		memmove(b->bytes, b->bytes + b->size - INSTANCE_LIVE_BYTES,
			INSTANCE_LIVE_BYTES);
		b->size = INSTANCE_LIVE_BYTES;
	}
}

/* What it wrote, QEMU has written, and is the kernel's: only a disk that is kept is worth
 * waiting for, until it is unmounted. A guest that says so again and again wins no time
 * by it. */
static void hear_done(struct instance *i)
{
	if (i->context->keep == KEEP_NONE) {
		i->is_done = 1;
		qemu_kill(&i->qemu);
	} else if (clock_now_ms() + SHUTDOWN_MS < i->deadline_ms) {
		set_deadline(i, STOP_SHUTDOWN, SHUTDOWN_MS);
	}
}

static void hear(void *context, const struct port_message *m)
{
	struct instance *i = context;

	live_hear(&i->view);
	switch (m->kind) {
	case PORT_HELLO:
		if (i->facts.hello)
			break;
		i->facts.hello = 1;
		i->hello_ms = clock_now_ms();
		if (i->deadline_cause == STOP_BOOT)
			set_time_deadline(i);
		break;
	case PORT_STDOUT:
	case PORT_STDERR:
		keep_live(i, m->kind == PORT_STDERR, m->bytes, m->size);
		break;
	case PORT_PROGRESS:
		live_set_progress(&i->view, m->fraction, m->text);
		break;
	case PORT_STARTED:
		live_set_script(&i->view, m->text);
		break;
	case PORT_DONE:
		hear_done(i);
		break;
	default:
		break;
	}
}

/* What this run tells the agent. */
static char *make_arguments(const struct instance_context *c)
{
	const char *user = c->manifest->user;
	int is_base = strcmp(user, WU_USER_BASE) == 0;

	return memory_printf(WU_ARG_TIME "%" PRIu64 "%s%s", c->time_ms,
		is_base ? "" : " " WU_ARG_USER, is_base ? "" : user);
}

/* Before its first word a guest can be had anew, cold. */
static void fail_to_wake(struct instance *i, const char *why)
{
	if (i->facts.hello || i->not_woken)
		return;
	i->not_woken = text_visible(why);
	qemu_kill(&i->qemu);
}

static void hear_monitor(void *context, const struct qmp_message *m)
{
	struct instance *i = context;
	char *arguments;

	if (m->kind == QMP_ERROR)
		fail_to_wake(i, m->text);
	if (m->kind != QMP_EVENT || strcmp(m->text, "RESUME") != 0 || i->is_told)
		return;
	i->is_told = 1;
	arguments = make_arguments(i->context);
	if (wake_tell(&i->qemu, arguments) < 0)
		fail_to_wake(i, "the guest's port takes nothing");
	free(arguments);
}

static void end(struct instance *i)
{
	i->state = INSTANCE_ENDED;
	if (!i->ended_ms)
		i->ended_ms = clock_now_ms();
	live_close(&i->view);
	results_abandon(&i->work);
}

/* Ends it without anything to commit. */
static void give_up(struct instance *i, const char *why)
{
	struct facts f = i->facts;

	f.host_failure = why;
	classify_run(&f, &i->verdict);
	end(i);
}

static void give_up_for(struct instance *i, struct diag *d)
{
	give_up(i, d->count ? d->lines[0].text : "it failed on this host");
	diag_clear(d);
}

static int copy_output_disk(
	struct instance *i, const struct snapshot *from, struct diag *d)
{
	int disk = from ? from->parts[SNAPSHOT_OUTPUT] : i->context->output;

	i->output = openat(i->work.folder.fd, WU_OUTPUT_IMAGE,
		O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (i->output < 0 || file_copy(disk, i->output, i->context->output_bytes) < 0)
		return diag_fail_errno(d, "%s/%s/" WU_OUTPUT_IMAGE,
			i->context->results->path, i->work.folder.name);
	return 0;
}

static int open_disks(struct instance *i, const struct snapshot *from, struct diag *d)
{
	i->params = openat(
		i->context->unit, i->what->cd.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (i->params < 0)
		return diag_fail_errno(d, "%s", i->what->cd.path);
	return copy_output_disk(i, from, d);
}

static char *make_append(const struct instance_context *c)
{
	char *arguments = make_arguments(c);
	char *append = memory_printf("%s %s", c->manifest->append, arguments);

	free(arguments);
	return append;
}

/* A descriptor of its own for each QEMU: they must not share an offset. */
static int open_state(const struct snapshot *from)
{
	char *path = memory_printf("/proc/self/fd/%d", from->parts[SNAPSHOT_STATE]);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	free(path);
	return fd;
}

static int start_qemu(struct instance *i, const struct snapshot *from, struct diag *d)
{
	const struct instance_context *c = i->context;
	CLEANUP(file_close) int state = from ? open_state(from) : -1;
	char *append = make_append(c);
	const struct qemu_machine m = {
		.start = from ? QEMU_RESTORED : QEMU_COLD,
		.memory = from ? from->parts[SNAPSHOT_MEMORY] : -1,
		.state = state,
		.accelerator = i->accelerator,
		.cpus = c->manifest->cpus,
		.memory_bytes = c->manifest->memory_bytes,
		.append = append,
		.network = strcmp(c->manifest->network, "user") == 0,
		.port = 1,
		.kernel = c->kernel,
		.initrd = c->initrd,
		.app = c->app,
		.params = i->params,
		.output = i->output,
		.root = c->root,
	};
	int rc = qemu_start(c->program, &m, &i->qemu, d);

	free(append);
	if (rc < 0 || !from)
		return rc;
	i->is_warm = 1;
	/* A QEMU that has ended already tells why on its way out. */
	if (wake_load(&i->qemu, state) < 0)
		fail_to_wake(i, "QEMU's monitor takes no command");
	return 0;
}

void instance_init(struct instance *i)
{
	*i = (struct instance){.work = WORK_NONE,
		.output = -1,
		.params = -1,
		.qemu = QEMU_NONE,
		.unpack = {.pidfd = -1, .socket = -1},
		.view = LIVE_NONE,
		.deadline_ms = CLOCK_NEVER};
}

int instance_start(struct instance *i, const struct instance_context *c,
	const struct manifest_instance *what, enum accelerator a,
	const struct snapshot *from, unsigned attempt)
{
	struct diag d = {0};

	instance_init(i);
	i->context = c;
	i->what = what;
	i->accelerator = a;
	i->attempt = attempt;
	i->port.tell = hear;
	i->port.context = i;
	i->qmp.tell = hear_monitor;
	i->qmp.context = i;
	i->started_ms = clock_now_ms();
	i->started = (int64_t)time(NULL);
	if (results_begin(c->results, what->id, &i->work, &d) < 0 ||
		open_disks(i, from, &d) < 0 || start_qemu(i, from, &d) < 0) {
		give_up_for(i, &d);
		return -1;
	}
	set_deadline(i, STOP_BOOT, from ? WAKE_MS : instance_boot_limit(c, a));
	i->state = INSTANCE_RUNNING;
	live_open(&i->view, results_live_folder(&i->work), c->output_bytes);
	live_show(i, 1);
	return 0;
}

static void add_poll(struct pollfd *polls, int *count, int fd)
{
	if (fd >= 0)
		polls[(*count)++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

int instance_add_polls(const struct instance *i, struct pollfd *polls)
{
	int count = 0;

	if (i->state == INSTANCE_RUNNING) {
		add_poll(polls, &count, i->qemu.pidfd);
		add_poll(polls, &count, i->qemu.console);
		add_poll(polls, &count, i->qemu.port);
		add_poll(polls, &count, i->qemu.monitor);
		add_poll(polls, &count, i->qemu.errors);
	} else if (i->state == INSTANCE_UNPACKING) {
		add_poll(polls, &count, i->unpack.socket);
	} else if (i->state == INSTANCE_SYNCING) {
		add_poll(polls, &count, i->unpack.pidfd);
		add_poll(polls, &count, i->work.transfer.pidfd);
	}
	return count;
}

uint64_t instance_deadline(const struct instance *i)
{
	return i->state == INSTANCE_RUNNING ? i->deadline_ms : CLOCK_NEVER;
}

/* Reads at most a megabyte, so that one loud guest does not silence the others, and
 * closes the descriptor at its end. */
static void drain(struct instance *i, int *fd,
	void (*take)(struct instance *i, const char *bytes, size_t size))
{
	char chunk[65536];
	ssize_t n = -1;

	for (int turns = 0; *fd >= 0 && turns < 16; turns++) {
		n = read(*fd, chunk, sizeof(chunk));
		if (n > 0)
			take(i, chunk, (size_t)n);
		else if (n < 0 && errno == EINTR)
			continue;
		else
			break;
	}
	if (*fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)))
		file_close(fd);
}

static void take_console(struct instance *i, const char *bytes, size_t size)
{
	int before = i->console.panicked;

	console_feed(&i->console, bytes, size);
	if (i->console.panicked && !before)
		set_deadline(i, STOP_PANIC, PANIC_MS);
}

static void take_port(struct instance *i, const char *bytes, size_t size)
{
	port_feed(&i->port, bytes, size);
}

static void take_monitor(struct instance *i, const char *bytes, size_t size)
{
	qmp_feed(&i->qmp, bytes, size);
}

static void take_errors(struct instance *i, const char *bytes, size_t size)
{
	size_t room = ERRORS_LIMIT_BYTES - i->errors.size;

	buffer_add(&i->errors, bytes, size < room ? size : room);
}

static void drain_all(struct instance *i)
{
	drain(i, &i->qemu.port, take_port);
	drain(i, &i->qemu.console, take_console);
	drain(i, &i->qemu.monitor, take_monitor);
	drain(i, &i->qemu.errors, take_errors);
}

static int has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return pidfd < 0 || (poll(&p, 1, 0) > 0 && p.revents);
}

/* KVM that opens but does not boot: QEMU aborted, or the guest never spoke. */
static int should_fall_back(const struct instance *i)
{
	const struct facts *f = &i->facts;
	int qemu_died = f->stop == STOP_NONE &&
			!(WIFEXITED(f->qemu_status) && WEXITSTATUS(f->qemu_status) == 0);

	return !i->is_warm && i->accelerator == ACCELERATOR_KVM &&
	       i->context->may_fall_back && !f->hello &&
	       (f->stop == STOP_BOOT || qemu_died);
}

/* A QEMU that somebody killed says nothing about snapshots; any other end before the
 * guest's first word does. */
static int could_not_wake(struct instance *i)
{
	int status = i->facts.qemu_status;

	if (!i->is_warm || i->facts.hello)
		return 0;
	if (!i->not_woken && i->facts.stop == STOP_NONE && WIFSIGNALED(status) &&
		(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
		return 0;
	if (i->errors.size > 0) {
		free(i->not_woken);
		i->errors.bytes[strcspn(i->errors.bytes, "\n")] = '\0';
		i->not_woken = text_visible(i->errors.bytes);
	}
	if (!i->not_woken)
		i->not_woken = memory_strdup("the guest did not go on");
	return 1;
}

/* Where the results' disk is full, what the guest saw was an I/O error of ours. */
static int is_host_full(const struct instance *i)
{
	struct statvfs s;

	return fstatvfs(i->work.folder.fd, &s) == 0 && s.f_blocks > 0 && s.f_bavail < 16;
}

static void settle(struct instance *i)
{
	struct diag d = {0};
	int sent;

	i->facts.panicked = i->console.panicked;
	i->facts.panicked_out_of_memory = i->console.out_of_memory;
	i->facts.panic = i->console.panic;
	if (outcome_settle(i, is_host_full(i), &d) < 0) {
		give_up_for(i, &d);
		return;
	}
	/* Nobody has the disk open any more, so that its bytes are not written out. */
	file_close(&i->output);
	i->state = INSTANCE_SYNCING;
	sent = results_send(&i->work, &d);
	if (sent < 0)
		give_up_for(i, &d);
	else if (i->unpack.pid > 0 && sent)
		unpack_kill(&i->unpack); /* its disk is not the one that counts */
	else if (i->unpack.pid > 0)
		unpack_sync(&i->unpack);
}

static void begin_unpacking(struct instance *i)
{
	struct diag d = {0};
	CLEANUP(file_close) int files = -1;

	if (mkdirat(i->work.result, OUTCOME_FILES, 0755) == 0)
		files = openat(i->work.result, OUTCOME_FILES,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (files < 0) {
		diag_fail_errno(&d, "%s: " OUTCOME_FILES, i->work.folder.name);
		give_up_for(i, &d);
		return;
	}
	i->state = INSTANCE_UNPACKING;
	if (i->facts.stop == STOP_BOOT) {
		settle(i);
		return;
	}
	if (unpack_start(&i->unpack, i->output, i->context->output, files, &d) < 0)
		give_up_for(i, &d);
	else if (i->unpack.complete)
		settle(i);
}

static void end_qemu(struct instance *i)
{
	i->facts.qemu_status = qemu_reap(&i->qemu);
	if (i->is_done)
		i->facts.qemu_status = 0;
	for (int turns = 0; turns < 64 && (i->qemu.port >= 0 || i->qemu.console >= 0 ||
						  i->qemu.errors >= 0);
		turns++)
		drain_all(i);
	i->ended_ms = clock_now_ms();
	qemu_close(&i->qemu);
	file_close(&i->params);
	i->fell_back = should_fall_back(i);
	if (i->fell_back)
		give_up(i, "the guest does not boot with KVM");
	else if (could_not_wake(i))
		give_up(i, i->not_woken);
	else
		begin_unpacking(i);
}

static void step_running(struct instance *i)
{
	drain_all(i);
	if (clock_now_ms() >= i->deadline_ms) {
		i->facts.stop = i->deadline_cause;
		i->deadline_ms = CLOCK_NEVER;
		qemu_kill(&i->qemu);
	}
	if (has_ended(i->qemu.pidfd))
		end_qemu(i);
}

static void step_unpacking(struct instance *i)
{
	if (unpack_read(&i->unpack))
		return;
	/* A child that died has no end to report, and nothing to sync. */
	if (!i->unpack.complete)
		unpack_reap(&i->unpack);
	settle(i);
}

/* Returns 1 once the result is on its disk, 0 before, or -1. */
static int is_saved(struct instance *i, struct diag *d)
{
	struct transfer *t = &i->work.transfer;
	int synced = 0;

	if (i->unpack.pid > 0) {
		if (!has_ended(i->unpack.pidfd))
			return 0;
		synced = unpack_reap(&i->unpack) == 0;
	}
	if (i->work.remote.fd >= 0 && t->pid > 0) {
		if (!has_ended(t->pidfd))
			return 0;
		return transfer_reap(t, i->context->results->path, d) < 0 ? -1 : 1;
	}
	if (!synced && syncfs(i->work.folder.fd) < 0)
		return diag_fail_errno(d, "%s", i->context->results->path);
	return 1;
}

static void step_syncing(struct instance *i)
{
	struct diag d = {0};
	int saved = is_saved(i, &d);

	if (saved == 0)
		return;
	if (saved < 0 || results_commit(i->context->results, i->what->id, &i->work,
				 i->result, &d) < 0) {
		give_up_for(i, &d);
		return;
	}
	i->committed = 1;
	end(i);
}

void instance_step(struct instance *i)
{
	enum instance_state before = i->state;

	if (i->state == INSTANCE_RUNNING)
		step_running(i);
	if (i->state == INSTANCE_UNPACKING)
		step_unpacking(i);
	if (i->state == INSTANCE_SYNCING)
		step_syncing(i);
	if (i->state == INSTANCE_RUNNING || i->state != before)
		live_show(i, i->state != before);
}

void instance_interrupt(struct instance *i)
{
	if (i->state == INSTANCE_IDLE || i->state == INSTANCE_ENDED)
		return;
	i->facts.interrupted = 1;
	qemu_kill(&i->qemu);
	unpack_kill(&i->unpack);
	transfer_kill(&i->work.transfer);
	if (i->qemu.pid > 0)
		qemu_reap(&i->qemu);
	if (i->unpack.pid > 0)
		unpack_reap(&i->unpack);
	give_up(i, NULL);
}

void instance_clear(struct instance *i)
{
	instance_interrupt(i);
	qemu_close(&i->qemu);
	unpack_clear(&i->unpack);
	console_clear(&i->console);
	qmp_clear(&i->qmp);
	free(i->not_woken);
	buffer_clear(&i->errors);
	buffer_clear(&i->live[0]);
	buffer_clear(&i->live[1]);
	file_close(&i->output);
	file_close(&i->params);
	live_close(&i->view);
	json_decref(i->result);
	instance_init(i);
}
