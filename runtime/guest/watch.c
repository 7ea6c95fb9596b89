/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"

#define HEARTBEAT_MS 1000
#define GRACE_MS 2000	 /* from SIGTERM to SIGKILL */
#define KILL_AGAIN_MS 50 /* a daemon may miss a process that is just being born */
#define GIVE_UP_MS 5000	 /* what does not die of SIGKILL hangs in the kernel */

enum { POLL_SIGNALS, POLL_STDOUT, POLL_STDERR, POLL_PROGRESS, POLL_PORT, POLL_COUNT };

void watch_fill_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void watch_hold_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	watch_fill_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

void watch_init(struct watch *w)
{
	*w = (struct watch){.signals = -1, .progress.fd = -1, .control = CONTROL_NONE};
}

int watch_open(struct watch *w, struct output *output, struct port *port)
{
	sigset_t set;

	w->output = output;
	w->port = port;
	watch_fill_signals(&set);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return -1;
	progress_open(&w->progress);
	return 0;
}

static void enter(struct watch *w, int phase, unsigned ms)
{
	w->phase = phase;
	w->phase_ends_ms = clock_now_ms() + ms;
}

/* Sends a signal to all processes of the scripts. */
static void signal_all(const struct watch *w, int number)
{
	processes_signal(number, (pid_t[]){w->spared, w->control.pid});
}

/* Asks all processes to end; what does not is killed when the phase ends. */
static void terminate(struct watch *w)
{
	if (w->phase != WATCH_RUNNING)
		return;
	signal_all(w, SIGTERM);
	enter(w, WATCH_TERMINATING, GRACE_MS);
}

static void take_signals(struct watch *w)
{
	struct signalfd_siginfo s;

	while (read(w->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo == SIGCHLD)
			continue;
		w->interrupted = 1;
		terminate(w);
	}
}

static void beat(struct watch *w, uint64_t now)
{
	char bytes[PORT_LINE];
	struct text t;

	if (now < w->heartbeat_at_ms)
		return;
	w->heartbeat_at_ms = now + HEARTBEAT_MS;
	port_open(w->port);
	control_look(&w->control);
	/* One heartbeat that waits says as much as ten. */
	if (w->port->waiting_size)
		return;
	t = port_message(bytes, "heartbeat ");
	text_add_number(&t, now / 1000);
	port_send(w->port, &t);
}

static void look_at_time(struct watch *w)
{
	uint64_t now = clock_now_ms();

	beat(w, now);
	if (w->phase == WATCH_RUNNING && w->limit_at_ms && now >= w->limit_at_ms) {
		w->timed_out = 1;
		terminate(w);
	}
	if (w->phase == WATCH_TERMINATING && now >= w->phase_ends_ms)
		enter(w, WATCH_KILLING, GIVE_UP_MS);
	if (w->phase != WATCH_KILLING)
		return;
	signal_all(w, SIGKILL);
	w->given_up = now >= w->phase_ends_ms;
}

/* Milliseconds until something is due. */
static int next_due(const struct watch *w)
{
	uint64_t now = clock_now_ms(), due = w->heartbeat_at_ms;

	if (w->phase == WATCH_RUNNING && w->limit_at_ms && w->limit_at_ms < due)
		due = w->limit_at_ms;
	if (w->phase == WATCH_TERMINATING && w->phase_ends_ms < due)
		due = w->phase_ends_ms;
	if (w->phase == WATCH_KILLING && now + KILL_AGAIN_MS < due)
		due = now + KILL_AGAIN_MS;
	return due > now ? (int)(due - now) : 0;
}

static void wait_and_pass(struct watch *w)
{
	struct pollfd p[POLL_COUNT] = {
		[POLL_SIGNALS] = {.fd = w->signals, .events = POLLIN},
		[POLL_STDOUT] = {.fd = w->relay.read[OUTPUT_STDOUT], .events = POLLIN},
		[POLL_STDERR] = {.fd = w->relay.read[OUTPUT_STDERR], .events = POLLIN},
		[POLL_PROGRESS] = {.fd = w->progress.fd, .events = POLLIN},
		[POLL_PORT] = {.fd = w->port->fd, .events = POLLOUT},
	};

	/* A port without a host at its other end would wake us without end. */
	if (!w->port->waiting_size)
		p[POLL_PORT].fd = -1;
	if (poll(p, POLL_COUNT, next_due(w)) < 0)
		return;
	if (p[POLL_PORT].revents & POLLHUP)
		w->port->waiting_size = 0;
	else if (p[POLL_PORT].revents)
		port_flush(w->port);
	if (p[POLL_STDOUT].revents)
		relay_pass(&w->relay, OUTPUT_STDOUT, w->output, w->port);
	if (p[POLL_STDERR].revents)
		relay_pass(&w->relay, OUTPUT_STDERR, w->output, w->port);
	if (p[POLL_PROGRESS].revents)
		progress_relay(&w->progress, w->port);
	if (p[POLL_SIGNALS].revents)
		take_signals(w);
}

/* Returns 1 while any process of the script is left. */
static int reap(struct watch *w)
{
	int had_ended = w->ended;
	int left = processes_reap(w->pid, &w->ended, &w->status, &w->used);

	if (w->ended && !had_ended)
		w->ended_at_ms = clock_now_ms();
	/* What the script has left behind ends with it. */
	if (w->ended && left)
		terminate(w);
	return left;
}

void watch_script(struct watch *w)
{
	w->ended = w->timed_out = w->given_up = 0;
	w->used = (struct usage){0};
	w->phase = WATCH_RUNNING;
	while (reap(w) && !w->given_up) {
		look_at_time(w);
		wait_and_pass(w);
	}
	relay_finish(&w->relay, w->output, w->port);
	progress_relay(&w->progress, w->port);
	if (!w->ended)
		w->ended_at_ms = clock_now_ms();
}

void watch_close(struct watch *w)
{
	control_end(&w->control);
	progress_close(&w->progress);
	if (w->signals >= 0)
		close(w->signals);
	w->signals = -1;
}
