/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "threads.h"

#include <sched.h>
#include <signal.h>
#include <stddef.h>

unsigned threads_count(unsigned wanted)
{
	cpu_set_t cpus;

	if (wanted == 0) {
		wanted = 1;
		if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
			wanted = (unsigned)CPU_COUNT(&cpus);
	}
	return wanted < THREADS_MAX ? wanted : THREADS_MAX;
}

void threads_start(
	struct threads *t, unsigned count, void *(*run)(void *argument), void *argument)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (count > 0 && t->count < THREADS_MAX &&
		pthread_create(&t->list[t->count], NULL, run, argument) == 0) {
		t->count++;
		count--;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void threads_join(struct threads *t)
{
	for (unsigned i = 0; i < t->count; i++)
		pthread_join(t->list[i], NULL);
	t->count = 0;
}
