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
#include "room.h"

#define TURN_MS 500    /* live lines move on at least this often */
#define SLOTS_EACH 2   /* one to run in, one to wait for the disk in */
#define ASK_PER_SLOT 4 /* of those that other runs had */

struct task {
	const struct manifest_instance *what;
	unsigned attempts; /* begun so far */
};

/* Tasks that wait, first come, first served. Each task is in at most one queue, at most
 * once, so that there is room for all. */
struct queue {
	size_t *ring; /* numbers of tasks */
	size_t room, first, count;
};

struct sweep {
	const struct instance_context *context;
	const struct sweep_plan *plan;
	enum accelerator accelerator;
	struct task *tasks;
	struct queue waiting;
	struct queue held; /* by other runs; asked for again now and then */
	uint64_t ask_again_ms;
	struct instance *slots;
	size_t slot_count;
	size_t *numbers; /* of the slots' tasks */
	size_t running;
	struct room room;
	struct pollfd *polls;
	int signals;
	const struct sweep_listener *listener;
};

static void put(struct queue *q, size_t number)
{
	q->ring[(q->first + q->count++) % q->room] = number;
}

static size_t take(struct queue *q)
{
	size_t number = q->ring[q->first];

	q->first = (q->first + 1) % q->room;
	q->count--;
	return number;
}

static int may_try_again(const struct sweep *s, size_t slot)
{
	return s->tasks[s->numbers[slot]].attempts <= s->plan->retries &&
	       classify_is_worth_a_retry(s->slots[slot].verdict.class);
}

static void finish(struct sweep *s, size_t slot);

static void start(
	struct sweep *s, size_t slot, size_t number, const struct instance_origin *from)
{
	struct task *t = &s->tasks[number];

	s->numbers[slot] = number;
	t->attempts++;
	if (instance_start(&s->slots[slot], s->context, t->what, s->accelerator, from,
		    t->attempts) == 0)
		s->running++;
	else
		finish(s, slot);
}

/* One that was tried before is still ours. */
static enum sweep_answer ask(const struct sweep *s, const struct task *t)
{
	return t->attempts ? SWEEP_RUN : s->listener->ask(s->listener->context, t->what);
}

/* Takes the first task that is not another run's into the slot, if there is one; it goes
 * on in a guest that is there (else NULL). */
static void fill_slot(struct sweep *s, size_t slot, struct guest *guest)
{
	while (s->slots[slot].state == INSTANCE_IDLE && s->waiting.count > 0) {
		size_t number = take(&s->waiting);
		enum sweep_answer answer = ask(s, &s->tasks[number]);
		struct instance_origin from = {.guest = guest};

		if (!guest)
			from.snapshot = warm_get(s->plan->warm);
		if (answer == SWEEP_RUN)
			start(s, slot, number, &from);
		else if (answer == SWEEP_LATER)
			put(&s->held, number);
		if (guest && guest->qemu.pid <= 0)
			guest = NULL;
	}
}

/* The slot's instance has ended, and not by an interruption. A guest of it that goes on
 * has the slot for its next one. */
static void finish(struct sweep *s, size_t slot)
{
	struct instance *i = &s->slots[slot];
	int again = may_try_again(s, slot);
	struct guest guest = GUEST_NONE;

	s->listener->ended(s->listener->context, i, again);
	if (instance_has_guest(i))
		guest_hand_on(&i->guest, &guest);
	instance_clear(i);
	if (again)
		put(&s->waiting, s->numbers[slot]);
	if (guest.qemu.pid > 0)
		fill_slot(s, slot, &guest);
	guest_clear(&guest);
}

/* Guests that have done with an instance, whose result is on its way to the disk, go on
 * with the next where there is a slot. */
static void pass_guests_on(struct sweep *s)
{
	size_t to = 0;

	for (size_t n = 0; n < s->slot_count && s->waiting.count > 0; n++) {
		if (!instance_has_guest(&s->slots[n]))
			continue;
		while (to < s->slot_count && s->slots[to].state != INSTANCE_IDLE)
			to++;
		if (to == s->slot_count)
			return;
		fill_slot(s, to, &s->slots[n].guest);
	}
}

/* What other runs had is asked for again, a few each time. */
static void ask_again(struct sweep *s)
{
	uint64_t now = clock_now_ms();
	size_t some = s->plan->slots * ASK_PER_SLOT;

	if (s->waiting.count > 0 || s->held.count == 0 || now < s->ask_again_ms)
		return;
	s->ask_again_ms = now + TURN_MS;
	while (some-- > 0 && s->held.count > 0)
		put(&s->waiting, take(&s->held));
}

/* What waits for its bytes to be on the disk leaves its processor to another. */
static size_t count_busy(const struct sweep *s)
{
	size_t busy = (size_t)warm_is_making(s->plan->warm);

	for (size_t n = 0; n < s->slot_count; n++)
		busy += s->slots[n].state == INSTANCE_RUNNING ||
			s->slots[n].state == INSTANCE_UNPACKING;
	return busy;
}

static void fill_slots(struct sweep *s)
{
	pass_guests_on(s);
	if (count_busy(s) < s->plan->slots)
		ask_again(s);
	for (size_t n = 0; n < s->slot_count && s->waiting.count > 0; n++) {
		if (s->slots[n].state != INSTANCE_IDLE)
			continue;
		if (count_busy(s) >= s->plan->slots)
			return;
		if (!room_has(&s->room, s->slots, s->slot_count))
			return;
		fill_slot(s, n, NULL);
	}
	s->room.is_short = 0;
}

static void fall_back(struct sweep *s)
{
	if (s->accelerator == ACCELERATOR_TCG)
		return;
	s->accelerator = ACCELERATOR_TCG;
	accel_remember(s->context->program, ACCELERATOR_TCG);
	warm_stop(s->plan->warm, NULL);
	warm_begin(s->plan->warm, s->context, ACCELERATOR_TCG,
		s->waiting.count + s->held.count);
	s->listener->fell_back(s->listener->context);
}

static void step(struct sweep *s, size_t slot)
{
	const struct instance_origin nothing = {0};
	struct instance *i = &s->slots[slot];

	instance_step(i);
	if (i->state != INSTANCE_ENDED)
		return;
	s->running--;
	if (i->is_warm && (i->facts.hello || i->not_woken))
		warm_note(s->plan->warm, !i->not_woken, i->not_woken);
	if (!i->fell_back && !i->not_woken) {
		finish(s, slot);
		return;
	}
	if (i->fell_back)
		fall_back(s);
	instance_clear(i);
	s->tasks[s->numbers[slot]].attempts--;
	start(s, slot, s->numbers[slot], &nothing);
}

static void step_warm(struct sweep *s)
{
	struct warm *w = s->plan->warm;

	warm_step(w);
	if (!w->complaint)
		return;
	s->listener->warm(s->listener->context, w->complaint);
	free(w->complaint);
	w->complaint = NULL;
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
	count += (size_t)warm_add_polls(s->plan->warm, s->polls + count);
	if (warm_deadline(s->plan->warm) < until)
		until = warm_deadline(s->plan->warm);
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
		qemu_kill(&s->slots[n].guest.qemu);
	for (size_t n = 0; n < s->slot_count; n++) {
		if (s->slots[n].state == INSTANCE_IDLE)
			continue;
		instance_interrupt(&s->slots[n]);
		s->listener->ended(s->listener->context, &s->slots[n], 0);
	}
}

static int is_over(const struct sweep *s)
{
	return s->running == 0 && s->waiting.count == 0 && s->held.count == 0;
}

static int tell(struct sweep *s)
{
	const struct sweep_state state = {.list = s->slots,
		.count = s->slot_count,
		.held = s->held.count,
		.is_memory_short = s->room.is_short};

	return s->listener->turn(s->listener->context, &state);
}

static int run(struct sweep *s)
{
	int signal = 0;

	while (!signal) {
		fill_slots(s);
		if (tell(s) < 0)
			signal = SIGPIPE;
		if (signal || is_over(s))
			break;
		signal = wait_for_news(s);
		for (size_t n = 0; n < s->slot_count && !signal; n++)
			if (s->slots[n].state != INSTANCE_IDLE)
				step(s, n);
		if (!signal)
			step_warm(s);
	}
	if (signal)
		interrupt_all(s);
	return signal;
}

static void prepare(struct sweep *s)
{
	size_t count = s->plan->count, slots = s->slot_count;

	s->tasks = memory_alloc(count * sizeof(*s->tasks));
	s->waiting.ring = memory_alloc(count * sizeof(*s->waiting.ring));
	s->held.ring = memory_alloc(count * sizeof(*s->held.ring));
	s->waiting.room = s->held.room = count;
	for (size_t n = 0; n < count; n++) {
		s->tasks[n].what = s->plan->list[n];
		put(&s->waiting, n);
	}
	s->slots = memory_alloc(slots * sizeof(*s->slots));
	s->numbers = memory_alloc(slots * sizeof(*s->numbers));
	for (size_t n = 0; n < slots; n++)
		instance_init(&s->slots[n]);
	s->polls = memory_alloc(
		(slots * INSTANCE_POLLS + WARM_POLLS + 3) * sizeof(*s->polls));
	room_init(&s->room, s->context->manifest);
}

int sweep_run(const struct instance_context *c, const struct sweep_plan *plan,
	int signals, const struct sweep_listener *listener)
{
	struct sweep s = {.context = c,
		.plan = plan,
		.slot_count = plan->slots * SLOTS_EACH,
		.accelerator = plan->accelerator,
		.signals = signals,
		.listener = listener};
	int signal;

	prepare(&s);
	warm_begin(plan->warm, c, plan->accelerator, plan->count);
	step_warm(&s);
	signal = run(&s);
	for (size_t n = 0; n < s.slot_count; n++)
		instance_clear(&s.slots[n]);
	free(s.polls);
	free(s.numbers);
	free(s.slots);
	free(s.tasks);
	free(s.waiting.ring);
	free(s.held.ring);
	return signal;
}
