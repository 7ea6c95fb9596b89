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
#include "control.h"
#include "drives.h"
#include "hear.h"
#include "outcome.h"
#include "runtime/unit.h"
#include "wake.h"

/* A guest that boots at all says hello long before these. */
#define BOOT_KVM_MS 30000
#define BOOT_TCG_MS 180000
/* From a snapshot it takes a tenth of a second. */
#define WAKE_MS 30000
/* A whole system of its own has more to do before its agent starts. */
#define BOOT_SYSTEM_FACTOR 4

uint64_t instance_boot_limit(const struct instance_context *c, enum accelerator a)
{
	uint64_t limit = a == ACCELERATOR_KVM ? BOOT_KVM_MS : BOOT_TCG_MS;

	if (c->boot_ms)
		return c->boot_ms;
	return manifest_is_served(c->manifest) ? limit * BOOT_SYSTEM_FACTOR : limit;
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

static char *make_append(const struct instance_context *c)
{
	char *arguments = hear_make_arguments(c);
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
	CLEANUP(file_close) int control = live_listen(results_live_folder(&i->work));
	char *append = make_append(c);
	struct qemu_machine m = QEMU_MACHINE_NONE;
	int rc;

	m.start = from ? QEMU_RESTORED : QEMU_COLD;
	m.memory = from ? from->parts[SNAPSHOT_MEMORY] : -1;
	m.state = state;
	m.accelerator = i->accelerator;
	m.cpus = c->manifest->cpus;
	m.memory_bytes = c->manifest->memory_bytes;
	m.append = append;
	m.network = strcmp(c->manifest->network, "user") == 0;
	m.port = 1;
	m.control = control;
	m.monitor = c->keep_guests;
	drives_plug(i, &m);
	rc = qemu_start(c->program, &m, &i->guest.qemu, d);
	free(append);
	if (rc < 0 || !from)
		return rc;
	i->is_warm = 1;
	/* A QEMU that has ended already tells why on its way out. */
	if (wake_load(&i->guest.qemu, state) < 0)
		hear_failure_to_go_on(i, "QEMU's monitor takes no command");
	return 0;
}

/* The socket of its second port gets a further name, where this instance is looked for;
 * what cannot be reached so runs nevertheless. */
static void move_control(struct instance *i)
{
	char *path = memory_printf("/proc/self/fd/%d", i->guest.control);

	if (i->guest.control >= 0)
		(void)!linkat(AT_FDCWD, path, results_live_folder(&i->work),
			CONTROL_SOCKET, AT_SYMLINK_FOLLOW);
	free(path);
}

static void take_guest(struct instance *i, struct guest *from)
{
	guest_hand_on(from, &i->guest);
	hear_begin(i);
	i->is_kept = 1;
	move_control(i);
	if (exchange_put_in(
		    &i->guest.exchange, i->guest.qemu.monitor, i->output, i->params) < 0)
		hear_failure_to_go_on(i, "QEMU's monitor takes no command");
}

static int get_guest(
	struct instance *i, const struct instance_origin *from, struct diag *d)
{
	if (from->guest) {
		take_guest(i, from->guest);
		return 0;
	}
	if (start_qemu(i, from->snapshot, d) < 0)
		return -1;
	i->guest.control = openat(results_live_folder(&i->work), CONTROL_SOCKET,
		O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return 0;
}

/* Nothing but perhaps its launching script tells that a machine without an agent has
 * booted: it must speak only where the user says by when. */
static void set_first_deadline(struct instance *i, const struct instance_origin *from)
{
	const struct instance_context *c = i->context;

	i->facts.is_mute = c->manifest->layout == LAYOUT_SINGLE;
	if (from->snapshot || from->guest)
		hear_set_deadline(i, STOP_BOOT, WAKE_MS);
	else if (!i->facts.is_mute || c->boot_ms)
		hear_set_deadline(i, STOP_BOOT, instance_boot_limit(c, i->accelerator));
	else
		hear_set_time_deadline(i, instance_boot_limit(c, i->accelerator));
}

void instance_init(struct instance *i)
{
	*i = (struct instance){.work = WORK_NONE,
		.output = -1,
		.params = -1,
		.floppy = -1,
		.guest = GUEST_NONE,
		.unpack = {.pidfd = -1, .socket = -1},
		.view = LIVE_NONE,
		.deadline_ms = CLOCK_NEVER};
}

int instance_start(struct instance *i, const struct instance_context *c,
	const struct manifest_instance *what, enum accelerator a,
	const struct instance_origin *from, unsigned attempt)
{
	struct diag d = {0};

	instance_init(i);
	i->context = c;
	i->what = what;
	i->accelerator = a;
	i->attempt = attempt;
	hear_begin(i);
	i->started_ms = clock_now_ms();
	i->started = (int64_t)time(NULL);
	if (results_begin(c->results, what->id, &i->work, &d) < 0 ||
		drives_open(i, from->snapshot, &d) < 0 || get_guest(i, from, &d) < 0) {
		give_up_for(i, &d);
		return -1;
	}
	set_first_deadline(i, from);
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
		count = guest_add_polls(&i->guest, polls);
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

	return !i->is_warm && !i->is_kept && i->accelerator == ACCELERATOR_KVM &&
	       i->context->may_fall_back && !f->hello &&
	       (f->stop == STOP_BOOT || qemu_died);
}

/* A QEMU that somebody killed says nothing about snapshots or guests that were kept; any
 * other end before the guest's first word does. */
static int could_not_wake(struct instance *i)
{
	struct buffer *errors = &i->guest.errors;
	int status = i->facts.qemu_status;

	if ((!i->is_warm && !i->is_kept) || hear_has_begun(i))
		return 0;
	if (!i->not_woken && i->facts.stop == STOP_NONE && WIFSIGNALED(status) &&
		(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
		return 0;
	if (errors->size > 0) {
		free(i->not_woken);
		errors->bytes[strcspn(errors->bytes, "\n")] = '\0';
		i->not_woken = text_visible(errors->bytes);
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

	i->facts.panicked = i->guest.console.panicked;
	i->facts.panicked_out_of_memory = i->guest.console.out_of_memory;
	i->facts.panic = i->guest.console.panic;
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
	const struct image_place place = drives_get_place(i);
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
	if (unpack_start(&i->unpack, i->output, &place, files, &d) < 0)
		give_up_for(i, &d);
	else if (i->unpack.complete)
		settle(i);
}

static void end_qemu(struct instance *i)
{
	i->facts.qemu_status = guest_reap(&i->guest);
	if (i->is_done)
		i->facts.qemu_status = 0;
	i->ended_ms = clock_now_ms();
	file_close(&i->params);
	file_close(&i->floppy);
	i->fell_back = should_fall_back(i);
	if (i->fell_back)
		give_up(i, "the guest does not boot with KVM");
	else if (could_not_wake(i))
		give_up(i, i->not_woken);
	else
		begin_unpacking(i);
}

/* Its disk was taken out of a guest that goes on. */
static void leave_guest(struct instance *i)
{
	i->deadline_ms = CLOCK_NEVER;
	i->ended_ms = clock_now_ms();
	file_close(&i->params);
	begin_unpacking(i);
}

static void step_running(struct instance *i)
{
	struct guest *g = &i->guest;
	int had_panicked = g->console.panicked;

	guest_listen(g);
	hear_console(i, had_panicked);
	if (g->exchange.state == EXCHANGE_IS_OUT) {
		leave_guest(i);
		return;
	}
	if (clock_now_ms() >= i->deadline_ms) {
		i->facts.stop = i->deadline_cause;
		i->deadline_ms = CLOCK_NEVER;
		qemu_kill(&g->qemu);
	}
	if (guest_has_ended(g))
		end_qemu(i);
}

int instance_has_guest(const struct instance *i)
{
	return (i->state == INSTANCE_SYNCING || i->state == INSTANCE_ENDED) &&
	       i->guest.qemu.pid > 0;
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
	qemu_kill(&i->guest.qemu);
	unpack_kill(&i->unpack);
	transfer_kill(&i->work.transfer);
	if (i->guest.qemu.pid > 0)
		qemu_reap(&i->guest.qemu);
	if (i->unpack.pid > 0)
		unpack_reap(&i->unpack);
	give_up(i, NULL);
}

void instance_clear(struct instance *i)
{
	instance_interrupt(i);
	guest_clear(&i->guest);
	unpack_clear(&i->unpack);
	free(i->not_woken);
	buffer_clear(&i->live[0]);
	buffer_clear(&i->live[1]);
	drives_close(i);
	live_close(&i->view);
	json_decref(i->result);
	instance_init(i);
}
