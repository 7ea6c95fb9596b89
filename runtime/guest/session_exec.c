/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "processes.h"
#include "relay.h"
#include "session.h"

/* How often is looked whether the command has ended: its pipes may stay open. */
#define LOOK_MS 50
#define ALIVE_MS 10000 /* so often the host hears that the command runs on */

enum { POLL_PORT, POLL_STDOUT, POLL_STDERR, POLL_COUNT };

static const char *const words[OUTPUT_STREAMS] = {"stdout", "stderr"};

/* Sends one chunk of a stream. Returns 1 where there may be more at once. */
static int pass(struct session *s, struct relay *r, int stream)
{
	char bytes[WU_CONTROL_CHUNK];
	ssize_t got =
		r->read[stream] < 0 ? 0 : read(r->read[stream], bytes, sizeof(bytes));

	if (got > 0)
		return session_send(s, words[stream], bytes, (size_t)got) == 0;
	if (got == 0 && r->read[stream] >= 0) {
		close(r->read[stream]);
		r->read[stream] = -1;
	}
	return 0;
}

/* Until the command has ended; what it left behind may keep its pipes. */
static void watch(struct session *s, struct relay *r, pid_t pid, int *status)
{
	uint64_t alive_ms = clock_now_ms();

	while (!s->is_over) {
		struct pollfd p[POLL_COUNT] = {
			[POLL_PORT] = {.fd = s->fd, .events = POLLIN},
			[POLL_STDOUT] = {.fd = r->read[OUTPUT_STDOUT], .events = POLLIN},
			[POLL_STDERR] = {.fd = r->read[OUTPUT_STDERR], .events = POLLIN},
		};

		poll(p, POLL_COUNT, LOOK_MS);
		if (p[POLL_PORT].revents && session_look(s) < 0)
			break;
		if (p[POLL_STDOUT].revents)
			pass(s, r, OUTPUT_STDOUT);
		if (p[POLL_STDERR].revents)
			pass(s, r, OUTPUT_STDERR);
		if (waitpid(pid, status, WNOHANG) == pid)
			return;
		if (session_is_told(s))
			s->is_over = 1;
		if (clock_now_ms() - alive_ms >= ALIVE_MS) {
			alive_ms = clock_now_ms();
			session_send(s, "alive", "", 0);
		}
	}
}

static void send_end(struct session *s, int status, int error, const char *command)
{
	char bytes[4096];
	struct text t = TEXT_IN(bytes);

	text_add(&t, WIFSIGNALED(status) && !error ? "signal " : "status ");
	if (error) {
		text_add(&t, error == ENOENT ? "127 " : "126 ");
		text_add(&t, command);
		text_add(&t, ": ");
		text_add(&t, strerror(error));
	} else {
		text_add_number(
			&t, (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status)
							   : WEXITSTATUS(status)));
	}
	session_send_text(s, "exited", &t);
}

void session_exec(struct session *s, struct message *m)
{
	const char *rest;
	const struct user *user = session_user(s, m, &rest);
	struct relay relay;
	struct launch l = {
		.path = s->arguments[0],
		.argv = s->arguments,
		.environment = s->manner->environment,
		.folder = s->manner->folder,
		.user = user,
	};
	int status = 0, error = 0;
	pid_t pid;

	if (!user || !l.path || relay_open(&relay) < 0) {
		session_fail(s, "exec", "no command, or no pipes for it");
		return;
	}
	l.out = relay.write[OUTPUT_STDOUT];
	l.err = relay.write[OUTPUT_STDERR];
	pid = launch_script(&l, &error);
	if (pid < 0)
		error = errno;
	relay_hand_over(&relay);
	if (pid > 0)
		watch(s, &relay, pid, &status);
	processes_end_children();
	for (int stream = 0; stream < OUTPUT_STREAMS; stream++) {
		while (!s->is_over && pass(s, &relay, stream))
			;
		if (relay.read[stream] >= 0)
			close(relay.read[stream]);
	}
	if (!s->is_over)
		send_end(s, status, error, l.path);
}
