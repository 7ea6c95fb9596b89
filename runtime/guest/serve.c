/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "dropped.h"
#include "events.h"
#include "instance.h"
#include "power.h"
#include "resume.h"
#include "say.h"
#include "watch.h"

#define PORT_WAIT_MS 30000
#define LOOK_MS 1000
#define AWAY_MS 100 /* how often a host that is not there is looked for */

struct server {
	struct agent *agent;
	struct arguments given; /* the kernel's command line */
	int given_are_good;
	int signals, events;
	uint64_t port_until_ms; /* a port may turn up until then */
	char line[RESUME_LINE]; /* what the host has sent so far */
	size_t line_size;
};

static void tell_ready(struct server *s)
{
	char bytes[PORT_LINE];
	struct text t = port_message(bytes, "ready");

	port_send(&s->agent->port, &t);
}

/* Returns 1 where a whole line is there, which ends with a NUL then. One that is too long
 * to be ours counts as an empty one. */
static int take_line(struct server *s)
{
	ssize_t got = read(s->agent->port.fd, s->line + s->line_size,
		sizeof(s->line) - 1 - s->line_size);
	char *end;

	if (got > 0)
		s->line_size += (size_t)got;
	end = memchr(s->line, '\n', s->line_size);
	if (!end && s->line_size < sizeof(s->line) - 1)
		return 0;
	if (!end)
		end = s->line;
	*end = '\0';
	return 1;
}

/* Whoever said it waits for the answer: nothing may follow the line. */
static int begin_by_host(struct server *s)
{
	int good = s->given_are_good;

	s->line_size = 0;
	if (resume_take(s->line, &s->agent->arguments) < 0)
		good = 0;
	instance_greet(s->agent);
	return good;
}

/* Without a port the disks themselves say it. */
static int are_disks_there(struct agent *a)
{
	a->disks = (struct disks){0};
	return disks_find(&a->disks, DISKS_UNIT) == 0;
}

static int may_have_port(const struct server *s)
{
	return s->agent->port.fd >= 0 ||
	       (clock_now_ms() < s->port_until_ms && port_has_controller());
}

/* Returns 1 where the agent is told to end. */
static int take_signals(struct server *s)
{
	struct signalfd_siginfo info;
	int is_told = 0;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		is_told |= info.ssi_signo != SIGCHLD;
	/* Orphans of the instance before, and of the system's. */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return is_told;
}

/* Until something happened, or a moment is over. Returns as above. */
static int pause_a_moment(struct server *s)
{
	struct pollfd p[] = {
		{.fd = s->signals, .events = POLLIN},
		{.fd = s->agent->port.fd, .events = POLLIN},
		{.fd = s->events, .events = POLLIN},
	};

	poll(p, 3, LOOK_MS);
	/* A port without a host at its other end would wake us without end. */
	if (p[1].revents & POLLHUP && !p[0].revents)
		poll(p, 1, AWAY_MS);
	if (p[2].revents)
		events_wait(s->events, 0);
	return take_signals(s);
}

/* Returns 0 with something to run, or -1 where the agent is told to end. */
static int wait_for_work(struct server *s, int *arguments_are_good)
{
	struct agent *a = s->agent;

	for (;;) {
		port_open(&a->port);
		if (a->port.fd >= 0 && take_line(s)) {
			*arguments_are_good = begin_by_host(s);
			return 0;
		}
		if (!may_have_port(s) && are_disks_there(a)) {
			*arguments_are_good = s->given_are_good;
			return 0;
		}
		if (pause_a_moment(s))
			return -1;
	}
}

static int open_server(struct server *s)
{
	sigset_t set;

	watch_fill_signals(&set);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0) {
		say("signalfd", strerror(errno), NULL);
		return -1;
	}
	s->events = events_open();
	s->port_until_ms = clock_now_ms() + PORT_WAIT_MS;
	return 0;
}

int serve(struct agent *a, int arguments_are_good, const char *dropped,
	const struct user *user)
{
	struct server s = {
		.agent = a, .given = a->arguments, .given_are_good = arguments_are_good};
	pid_t dropped_pid;

	if (open_server(&s) < 0)
		return 1;
	dropped_pid = dropped_start(dropped, user, &a->parameters);
	do {
		instance_init(a);
		a->scripts.watch.spared = dropped_pid;
		a->arguments = s.given;
		tell_ready(&s);
		if (wait_for_work(&s, &arguments_are_good) < 0)
			return 0;
		instance_run(a, arguments_are_good);
	} while (instance_leave(a) == 0 && a->arguments.next);
	if (a->arguments.off)
		power_off();
	power_reboot();
	return 1;
}
