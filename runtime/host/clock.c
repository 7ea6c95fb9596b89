/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"

#include <time.h>

#define DAY_MS (24 * 3600 * 1000)

uint64_t clock_now_ms(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int clock_poll_timeout(uint64_t until_ms)
{
	uint64_t now = clock_now_ms();

	if (until_ms == CLOCK_NEVER)
		return -1;
	if (until_ms <= now)
		return 0;
	return until_ms - now > DAY_MS ? DAY_MS : (int)(until_ms - now);
}
