/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sweeper.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it holds open might be locked, and a reader might wait for the end of a pipe. */
static void close_all_but(int folder)
{
	if (folder > 0)
		close_range(0, (unsigned)folder - 1, 0);
	close_range((unsigned)folder + 1, UINT_MAX, 0);
}

static void __attribute__((noreturn))
wait_and_sweep(pid_t owner, int folder, void (*sweep)(int folder))
{
	sigset_t all;
	int received;

	setsid(); /* what a terminal sends to the owner is not for us */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	close_all_but(folder);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		_exit(1);
	while (getppid() == owner)
		sigwait(&all, &received);
	sweep(folder);
	_exit(0);
}

void sweeper_start(struct sweeper *s, int folder, void (*sweep)(int folder))
{
	pid_t owner = getpid();

	s->pid = fork();
	if (s->pid == 0)
		wait_and_sweep(owner, folder, sweep);
	if (s->pid < 0)
		s->pid = 0;
}

void sweeper_stop(struct sweeper *s)
{
	if (!s->pid)
		return;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
}
