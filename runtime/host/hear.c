/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hear.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "common/text.h"
#include "runtime/unit.h"
#include "wake.h"

/* The guest enforces its limit itself; this is for one that does not. */
#define GRACE_MS 30000
#define GRACE_PART 10
/* From the record to the end of QEMU; from a panic to the reboot after it. */
#define SHUTDOWN_MS 60000
#define PANIC_MS 3000

void hear_set_deadline(struct instance *i, enum stop_cause cause, uint64_t in_ms)
{
	i->deadline_cause = cause;
	i->deadline_ms = cause == STOP_NONE ? CLOCK_NEVER : clock_now_ms() + in_ms;
}

void hear_set_time_deadline(struct instance *i, uint64_t boot_ms)
{
	uint64_t limit = i->context->time_ms;

	if (limit)
		hear_set_deadline(
			i, STOP_TIME, boot_ms + limit + limit / GRACE_PART + GRACE_MS);
	else
		hear_set_deadline(i, STOP_NONE, 0);
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

char *hear_make_arguments(const struct instance_context *c)
{
	const char *user = c->manifest->user;
	int is_base = strcmp(user, WU_USER_BASE) == 0;

	return memory_printf(WU_ARG_TIME "%" PRIu64 "%s%s%s", c->time_ms,
		is_base ? "" : " " WU_ARG_USER, is_base ? "" : user,
		c->keep_guests ? " " WU_ARG_NEXT : "");
}

int hear_has_begun(const struct instance *i)
{
	return i->is_kept ? i->facts.started : i->facts.hello;
}

void hear_failure_to_go_on(struct instance *i, const char *why)
{
	if (hear_has_begun(i) || i->not_woken)
		return;
	i->not_woken = text_visible(why);
	qemu_kill(&i->guest.qemu);
}

/* The guest waits for it. */
static void tell(struct instance *i)
{
	char *arguments = hear_make_arguments(i->context);

	i->is_told = 1;
	if (wake_tell(&i->guest.qemu, arguments) < 0)
		hear_failure_to_go_on(i, "the guest's port takes nothing");
	free(arguments);
}

/* One that serves says hello when it comes up, and when it was told. */
static void hear_hello(struct instance *i)
{
	int may_run = i->is_told || !manifest_is_served(i->context->manifest);
	int is_news = !i->facts.hello;

	if (is_news) {
		i->facts.hello = 1;
		i->hello_ms = clock_now_ms();
	}
	if (may_run && (i->deadline_cause == STOP_BOOT || (is_news && i->facts.is_mute)))
		hear_set_time_deadline(i, 0);
}

/* What it wrote, QEMU has written, and is the kernel's: only a disk that is kept, or that
 * has a system on it, is worth waiting for, until it is unmounted. A guest that says so
 * again and again wins no time by it. */
static void hear_done(struct instance *i)
{
	const struct instance_context *c = i->context;

	i->has_recorded = 1;
	if (i->is_kept && !i->facts.started) {
		hear_failure_to_go_on(i, "the guest did not take its next instance");
	} else if (c->keep == KEEP_NONE && c->manifest->layout == LAYOUT_DISKS &&
		   !c->keep_guests) {
		i->is_done = 1;
		qemu_kill(&i->guest.qemu);
	} else if (clock_now_ms() + SHUTDOWN_MS < i->deadline_ms) {
		hear_set_deadline(i, STOP_SHUTDOWN, SHUTDOWN_MS);
	}
}

/* Before it was told: it waits for that. After `done`: all is unmounted, and the disk can
 * be taken out. */
static void hear_ready(struct instance *i)
{
	struct guest *g = &i->guest;

	if (!manifest_is_served(i->context->manifest))
		return;
	if (!i->is_told)
		tell(i);
	else if (i->has_recorded && g->exchange.state != EXCHANGE_TAKES_OUT &&
		 exchange_take_out(&g->exchange, g->qemu.monitor, i->output, i->params) <
			 0)
		qemu_kill(&g->qemu);
}

static void hear_port(void *context, const struct port_message *m)
{
	struct instance *i = context;

	live_hear(&i->view);
	switch (m->kind) {
	case PORT_HELLO:
		hear_hello(i);
		break;
	case PORT_READY:
		hear_ready(i);
		break;
	case PORT_STDOUT:
	case PORT_STDERR:
		keep_live(i, m->kind == PORT_STDERR, m->bytes, m->size);
		break;
	case PORT_PROGRESS:
		live_set_progress(&i->view, m->fraction, m->text);
		break;
	case PORT_STARTED:
		i->facts.started = 1;
		live_set_script(&i->view, m->text);
		break;
	case PORT_DONE:
		hear_done(i);
		break;
	default:
		break;
	}
}

static void hear_exchange(struct instance *i, const struct qmp_message *m)
{
	struct exchange *x = &i->guest.exchange;
	enum exchange_state before = x->state;

	if (exchange_hear(x, i->guest.qemu.monitor, m) < 0) {
		hear_failure_to_go_on(i, m->kind == QMP_ERROR
						 ? m->text
						 : "QEMU's monitor takes no command");
		qemu_kill(&i->guest.qemu);
	}
	if (before == EXCHANGE_PUTS_IN && x->state == EXCHANGE_IS_IN)
		tell(i);
	if (before == EXCHANGE_TAKES_OUT && x->state == EXCHANGE_IS_OUT)
		i->is_done = 1;
}

static void hear_monitor(void *context, const struct qmp_message *m)
{
	struct instance *i = context;

	if (!i->is_warm) {
		hear_exchange(i, m);
		return;
	}
	if (m->kind == QMP_ERROR)
		hear_failure_to_go_on(i, m->text);
	if (m->kind == QMP_EVENT && strcmp(m->text, "RESUME") == 0 && !i->is_told)
		tell(i);
}

void hear_console(struct instance *i, int had_panicked)
{
	if (i->guest.console.panicked && !had_panicked)
		hear_set_deadline(i, STOP_PANIC, PANIC_MS);
}

void hear_begin(struct instance *i)
{
	i->guest.port.tell = hear_port;
	i->guest.port.context = i;
	i->guest.qmp.tell = hear_monitor;
	i->guest.qmp.context = i;
}
