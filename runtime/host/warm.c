/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "common/file.h"
#include "common/text.h"
#include "runtime/unit.h"
#include "warm_key.h"

#define READY_MS 30000 /* after a boot that takes all of its time */
#define LOOK_AGAIN_MS 200
#define FAILURES 3
#define ERRORS_LIMIT_BYTES 8192

int warm_parse_wish(const char *text, enum warm_wish *wish)
{
	static const char *const words[] = {
		[WARM_AUTO] = "auto", [WARM_ON] = "on", [WARM_OFF] = "off"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(text, words[i]) == 0) {
			*wish = (enum warm_wish)i;
			return 0;
		}
	return -1;
}

void warm_init(struct warm *w, enum warm_wish wish)
{
	*w = WARM_NONE;
	w->wish = wish;
}

static void end_qemu(struct warm *w)
{
	if (w->qemu.pid > 0) {
		qemu_kill(&w->qemu);
		qemu_reap(&w->qemu);
	}
	qemu_close(&w->qemu);
	qmp_clear(&w->qmp);
	buffer_clear(&w->errors);
	free(w->problem);
	w->problem = NULL;
}

static void complain(struct warm *w, const char *what, const char *why)
{
	char *visible = text_visible(why);

	if (!w->complaint)
		w->complaint = memory_printf("%s: %s", what, visible);
	free(visible);
}

void warm_stop(struct warm *w, const char *why)
{
	if (why)
		complain(w, "instances start cold", why);
	end_qemu(w);
	snapshot_clear(&w->snapshot);
	if (w->keeper <= 0)
		file_close(&w->lock);
	w->state = WARM_IS_OFF;
}

static void stop_for(struct warm *w, struct diag *d)
{
	warm_stop(w, d->count ? d->lines[0].text : "it failed on this host");
	diag_clear(d);
}

void warm_note(struct warm *w, int good, const char *why)
{
	w->failures = good ? 0 : w->failures + 1;
	if (w->failures >= FAILURES && w->state == WARM_READY)
		warm_stop(w, why);
}

/* --- making --- */

static json_t *want_shared_memory(void)
{
	return json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
		"x-ignore-shared", "state", 1, "capability", "events", "state", 1);
}

/* One after the other, each once QEMU has taken the last. */
static int send_step(struct warm *w)
{
	int monitor = w->qemu.monitor;

	switch (w->step++) {
	case 0:
		return qmp_send(monitor, "qmp_capabilities", NULL, -1);
	case 1:
		return qmp_send(
			monitor, "migrate-set-capabilities", want_shared_memory(), -1);
	case 2:
		return qmp_send(monitor, "getfd", json_pack("{s:s}", "fdname", "state"),
			w->snapshot.parts[SNAPSHOT_STATE]);
	case 3:
		return qmp_send(
			monitor, "migrate", json_pack("{s:s}", "uri", "fd:state"), -1);
	default:
		return 0;
	}
}

static void fail(struct warm *w, const char *why)
{
	if (!w->problem)
		w->problem = memory_strdup(why);
}

static void go_on(struct warm *w)
{
	if (send_step(w) < 0)
		fail(w, "QEMU's monitor takes no command");
}

static void hear_guest(void *context, const struct port_message *m)
{
	struct warm *w = context;

	if (m->kind == PORT_READY && w->step == 0)
		go_on(w);
	else if (m->kind == PORT_ERROR)
		fail(w, m->text);
}

static void hear_monitor(void *context, const struct qmp_message *m)
{
	struct warm *w = context;
	const char *status = json_string_value(json_object_get(m->data, "status"));

	if (m->kind == QMP_ERROR) {
		fail(w, m->text);
	} else if (m->kind == QMP_RETURN) {
		go_on(w);
	} else if (m->kind == QMP_EVENT && strcmp(m->text, "MIGRATION") == 0 && status) {
		if (strcmp(status, "failed") == 0)
			fail(w, "QEMU could not save the guest");
		w->saved = strcmp(status, "completed") == 0;
		if (w->saved)
			qmp_send(w->qemu.monitor, "quit", NULL, -1);
	}
}

static int start_qemu(struct warm *w, enum accelerator a, struct diag *d)
{
	const struct instance_context *c = w->context;
	char *append = memory_printf("%s " WU_ARG_WARM, c->manifest->append);
	struct qemu_machine m = QEMU_MACHINE_NONE;
	int rc;

	m.start = QEMU_SAVED;
	m.accelerator = a;
	m.cpus = c->manifest->cpus;
	m.memory_bytes = c->manifest->memory_bytes;
	m.append = append;
	m.network = strcmp(c->manifest->network, "user") == 0;
	m.port = 1;
	m.kernel = c->kernel;
	m.initrd = c->initrd;
	m.app = c->app;
	m.output = w->snapshot.parts[SNAPSHOT_OUTPUT];
	m.root = c->root;
	m.memory = w->snapshot.parts[SNAPSHOT_MEMORY];
	rc = qemu_start(c->program, &m, &w->qemu, d);
	free(append);
	return rc;
}

static void make(struct warm *w, enum accelerator a)
{
	const struct instance_context *c = w->context;
	struct diag d = {0};

	if (snapshot_make(&w->snapshot, qemu_round_memory(c->manifest->memory_bytes),
		    c->output_bytes, &d) < 0) {
		stop_for(w, &d);
		return;
	}
	if (file_copy(c->output, w->snapshot.parts[SNAPSHOT_OUTPUT], c->output_bytes) < 0)
		diag_fail_errno(&d, "snapshot");
	else
		start_qemu(w, a, &d);
	if (d.count) {
		stop_for(w, &d);
		return;
	}
	w->state = WARM_MAKING;
	w->step = 0;
	w->saved = 0;
	w->port = (struct port){.tell = hear_guest, .context = w};
	w->qmp = (struct qmp){.tell = hear_monitor, .context = w};
	w->deadline_ms = clock_now_ms() + instance_boot_limit(c, a) + READY_MS;
}

/* Another process may have it in hand: this one looks for it now and then. */
static void find_or_make(struct warm *w)
{
	if (snapshot_load(&w->snapshot, w->store, w->key)) {
		w->state = WARM_READY;
		return;
	}
	if (w->wish == WARM_AUTO && w->instances < WARM_WORTH_IT)
		return;
	w->lock = snapshot_lock(w->store, w->key);
	if (w->lock >= 0) {
		make(w, w->accelerator);
		return;
	}
	w->state = WARM_ELSEWHERE;
	w->look_again_ms = clock_now_ms() + LOOK_AGAIN_MS;
}

void warm_begin(struct warm *w, const struct instance_context *c, enum accelerator a,
	size_t instances)
{
	struct diag d = {0};

	if (w->wish == WARM_OFF)
		return;
	w->context = c;
	w->accelerator = a;
	w->instances = instances;
	if (warm_key(c, a, w->key, &d) < 0 ||
		(w->store < 0 && (w->store = snapshot_open_store(&d)) < 0))
		stop_for(w, &d);
	else
		find_or_make(w);
}

/* --- steps --- */

/* Returns how many bytes were read: 0 where there is nothing (more). */
static size_t drain(int *fd, char *chunk, size_t room)
{
	ssize_t n = *fd < 0 ? 0 : read(*fd, chunk, room);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		file_close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void drain_all(struct warm *w)
{
	char chunk[16384];
	size_t size;

	while ((size = drain(&w->qemu.port, chunk, sizeof(chunk))))
		port_feed(&w->port, chunk, size);
	while ((size = drain(&w->qemu.monitor, chunk, sizeof(chunk))))
		qmp_feed(&w->qmp, chunk, size);
	while (drain(&w->qemu.console, chunk, sizeof(chunk)))
		;
	while ((size = drain(&w->qemu.errors, chunk, sizeof(chunk)))) {
		size_t left = ERRORS_LIMIT_BYTES - w->errors.size;

		buffer_add(&w->errors, chunk, size < left ? size : left);
	}
}

/* Tens of megabytes: instances do not wait for them. A store that takes nothing is no
 * reason to stop: only later runs start cold then. */
static void keep(struct warm *w)
{
	struct diag d = {0};

	if (snapshot_seal(&w->snapshot, &d) < 0) {
		stop_for(w, &d);
		return;
	}
	w->state = WARM_READY;
	w->keeper = child_fork(&w->keeper_end, &d);
	if (w->keeper == 0)
		_exit(snapshot_store(&w->snapshot, w->store, w->key, &d) < 0);
	if (w->keeper < 0) {
		w->keeper = 0;
		complain(w, "later runs will start cold", d.lines[0].text);
	}
	diag_clear(&d);
}

static void end_keeping(struct warm *w)
{
	if (w->keeper <= 0)
		return;
	if (child_reap(w->keeper) != 0)
		complain(w, "later runs will start cold",
			"the snapshot could not be stored");
	w->keeper = 0;
	file_close(&w->keeper_end);
	file_close(&w->lock);
}

static int has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && p.revents;
}

static void finish(struct warm *w)
{
	int status = qemu_reap(&w->qemu);

	drain_all(w);
	if (w->saved && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		end_qemu(w);
		keep(w);
	} else if (w->errors.size > 0) {
		w->errors.bytes[strcspn(w->errors.bytes, "\n")] = '\0';
		warm_stop(w, w->errors.bytes);
	} else {
		warm_stop(w, "the guest ended before it was ready");
	}
}

static void step_making(struct warm *w)
{
	drain_all(w);
	if (clock_now_ms() >= w->deadline_ms)
		fail(w, "the guest was not ready in time");
	if (w->problem)
		warm_stop(w, w->problem);
	else if (has_ended(w->qemu.pidfd))
		finish(w);
}

void warm_step(struct warm *w)
{
	if (w->keeper > 0 && has_ended(w->keeper_end))
		end_keeping(w);
	if (w->state == WARM_MAKING) {
		step_making(w);
	} else if (w->state == WARM_ELSEWHERE && clock_now_ms() >= w->look_again_ms) {
		w->state = WARM_IS_OFF;
		find_or_make(w);
	}
}

uint64_t warm_deadline(const struct warm *w)
{
	if (w->state == WARM_MAKING)
		return w->deadline_ms;
	return w->state == WARM_ELSEWHERE ? w->look_again_ms : CLOCK_NEVER;
}

int warm_add_polls(const struct warm *w, struct pollfd *polls)
{
	const int fds[WARM_POLLS] = {w->qemu.pidfd, w->qemu.console, w->qemu.port,
		w->qemu.monitor, w->qemu.errors, w->keeper_end};
	int count = 0;

	for (int i = 0; i < WARM_POLLS; i++)
		if (fds[i] >= 0)
			polls[count++] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	return count;
}

int warm_is_making(const struct warm *w)
{
	return w->state == WARM_MAKING;
}

const struct snapshot *warm_get(const struct warm *w)
{
	return w->state == WARM_READY ? &w->snapshot : NULL;
}

void warm_clear(struct warm *w)
{
	end_keeping(w);
	warm_stop(w, NULL);
	file_close(&w->store);
	free(w->complaint);
	w->complaint = NULL;
}
