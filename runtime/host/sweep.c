/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "common/memory.h"

#define TURN_MS 500 /* live lines move on at least this often */

struct sweep {
	const struct instance_context *context;
	enum accelerator accelerator;
	const struct manifest_instance *const *list;
	size_t count, next;
	struct instance *slots;
	size_t slot_count, running;
	struct pollfd *polls;
	int signals;
	const struct sweep_listener *listener;
};

static void start(
	struct sweep *s, struct instance *i, const struct manifest_instance *what)
{
	if (instance_start(i, s->context, what, s->accelerator) == 0) {
		s->running++;
		return;
	}
	s->listener->ended(s->listener->context, i);
	instance_clear(i);
}

static void start_unless_done(
	struct sweep *s, struct instance *i, const struct manifest_instance *what)
{
	if (!s->listener->is_done(s->listener->context, what))
		start(s, i, what);
}

static void fill_slots(struct sweep *s)
{
	for (size_t n = 0; n < s->slot_count; n++)
		while (s->slots[n].state == INSTANCE_IDLE && s->next < s->count)
			start_unless_done(s, &s->slots[n], s->list[s->next++]);
}

static void fall_back(struct sweep *s)
{
	if (s->accelerator == ACCELERATOR_TCG)
		return;
	s->accelerator = ACCELERATOR_TCG;
	accel_remember(s->context->program, ACCELERATOR_TCG);
	s->listener->fell_back(s->listener->context);
}

static void step(struct sweep *s, struct instance *i)
{
	const struct manifest_instance *what = i->what;
	int again;

	instance_step(i);
	if (i->state != INSTANCE_ENDED)
		return;
	s->running--;
	again = i->fell_back;
	if (again)
		fall_back(s);
	else
		s->listener->ended(s->listener->context, i);
	instance_clear(i);
	if (again)
		start(s, i, what);
}

static size_t add_relay(struct pollfd *p, const struct relay *r)
{
	if (!r || !relay_is_waiting(r))
		return 0;
	*p = (struct pollfd){.fd = r->fd, .events = POLLOUT};
	return 1;
}

/* Waits for anything. Returns the signal that came, or 0. */
static int wait_for_news(struct sweep *s)
{
	uint64_t until = clock_now_ms() + TURN_MS;
	struct signalfd_siginfo info;
	size_t count = 1, out, err;

	s->polls[0] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	for (size_t n = 0; n < s->slot_count; n++) {
		uint64_t deadline = instance_deadline(&s->slots[n]);

		count += (size_t)instance_add_polls(&s->slots[n], s->polls + count);
		until = deadline < until ? deadline : until;
	}
	out = count;
	err = count += add_relay(s->polls + count, s->context->out);
	count += add_relay(s->polls + count, s->context->err);
	if (poll(s->polls, count, clock_poll_timeout(until)) < 0)
		return 0;
	if (out < err && s->polls[out].revents)
		relay_write(s->context->out);
	if (err < count && s->polls[err].revents)
		relay_write(s->context->err);
	if (s->polls[0].revents &&
		read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		return (int)info.ssi_signo;
	return 0;
}

/* All at once, then each: QEMU's end takes a moment. */
static void interrupt_all(struct sweep *s)
{
	for (size_t n = 0; n < s->slot_count; n++)
		qemu_kill(&s->slots[n].qemu);
	for (size_t n = 0; n < s->slot_count; n++) {
		if (s->slots[n].state == INSTANCE_IDLE)
			continue;
		instance_interrupt(&s->slots[n]);
		s->listener->ended(s->listener->context, &s->slots[n]);
	}
}

static int run(struct sweep *s)
{
	int signal = 0;

	for (;;) {
		fill_slots(s);
		if (s->listener->turn(s->listener->context, s->slots, s->slot_count) < 0)
			signal = SIGPIPE;
		if (s->running == 0 || signal)
			break;
		signal = wait_for_news(s);
		if (signal)
			break;
		for (size_t n = 0; n < s->slot_count; n++)
			if (s->slots[n].state != INSTANCE_IDLE)
				step(s, &s->slots[n]);
	}
	if (signal)
		interrupt_all(s);
	return signal;
}

int sweep_run(const struct instance_context *c, enum accelerator a,
	const struct manifest_instance *const *list, size_t count, size_t slots,
	int signals, const struct sweep_listener *listener)
{
	struct sweep s = {.context = c,
		.accelerator = a,
		.list = list,
		.count = count,
		.slot_count = slots,
		.signals = signals,
		.listener = listener};
	int signal;

	s.slots = memory_alloc(slots * sizeof(*s.slots));
	for (size_t n = 0; n < slots; n++)
		instance_init(&s.slots[n]);
	s.polls = memory_alloc((slots * INSTANCE_POLLS + 3) * sizeof(*s.polls));
	signal = run(&s);
	for (size_t n = 0; n < slots; n++)
		instance_clear(&s.slots[n]);
	free(s.polls);
	free(s.slots);
	return signal;
}
