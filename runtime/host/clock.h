/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock: milliseconds that only go forward, for deadlines and durations. */
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX

uint64_t clock_now_ms(void);
/* poll()'s timeout until then: -1 for CLOCK_NEVER, at most a day. */
int clock_poll_timeout(uint64_t until_ms);

#endif
