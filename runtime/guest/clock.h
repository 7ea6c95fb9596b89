/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: time as the agent counts it, and the guest's clock set right. */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <stdint.h>

/* Milliseconds that only grow. */
uint64_t clock_now_ms(void);

/* Sets the clock from the machine's real-time clock, taken as UTC, where the kernel has
 * not done so. Failures go to the console. */
void clock_set(void);

/* Sets the clock to what the host said a moment ago. */
void clock_resume(int64_t seconds, long nanoseconds);

/* Waits. */
void clock_sleep_ms(unsigned ms);

#endif
