/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads: one function run by several threads at once. Signals are for the thread that
 * starts them. */
#ifndef COMPILER_THREADS_H
#define COMPILER_THREADS_H

#include <pthread.h>

#define THREADS_MAX 4

struct threads {
	pthread_t list[THREADS_MAX];
	unsigned count;
};

/* As many as are wanted; for 0, as there are processors for this process. At most
 * THREADS_MAX. */
unsigned threads_count(unsigned wanted);
/* Starts up to `count` threads more. Where there cannot be so many, there are fewer: the
 * caller's own thread must be able to do all of the work. */
void threads_start(
	struct threads *t, unsigned count, void *(*run)(void *argument), void *argument);
/* Waits until all have returned. */
void threads_join(struct threads *t);

#endif
