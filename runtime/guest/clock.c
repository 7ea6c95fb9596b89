/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

/* <linux/rtc.h>, which the C library's own headers do not have. */
struct rtc_time {
	int second, minute, hour, day, month, year, weekday, yearday, summer;
};
#define RTC_READ _IOR('p', 0x09, struct rtc_time)

/* A clock that shows less was never set: 2020-01-01. */
#define PLAUSIBLE 1577836800

uint64_t clock_now_ms(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Returns seconds since 1970, or -1. */
static int64_t read_machine(void)
{
	struct rtc_time r = {0};
	struct tm shown;
	int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
	int failed = fd < 0 || ioctl(fd, RTC_READ, &r) < 0;

	if (failed)
		say("clock", "no real-time clock", strerror(errno));
	if (fd >= 0)
		close(fd);
	if (failed)
		return -1;
	shown = (struct tm){
		.tm_sec = r.second,
		.tm_min = r.minute,
		.tm_hour = r.hour,
		.tm_mday = r.day,
		.tm_mon = r.month,
		.tm_year = r.year,
	};
	return timegm(&shown);
}

void clock_set(void)
{
	struct timespec t = {0};

	if (time(NULL) >= PLAUSIBLE)
		return;
	t.tv_sec = read_machine();
	if (t.tv_sec < 0)
		return;
	if (t.tv_sec < PLAUSIBLE || clock_settime(CLOCK_REALTIME, &t) < 0)
		say("clock", "the real-time clock's time cannot be taken", NULL);
}

void clock_resume(int64_t seconds, long nanoseconds)
{
	struct timespec t = {seconds, nanoseconds};

	if (clock_settime(CLOCK_REALTIME, &t) < 0)
		say("clock", "the host's time cannot be taken", strerror(errno));
}

void clock_sleep_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
