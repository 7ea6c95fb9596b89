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

void clock_set(void)
{
	struct rtc_time r = {0};
	struct tm shown;
	struct timespec t = {0};
	int fd;

	if (time(NULL) >= PLAUSIBLE)
		return;
	fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RTC_READ, &r) < 0) {
		say("clock", "no real-time clock", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	close(fd);
	shown = (struct tm){
		.tm_sec = r.second,
		.tm_min = r.minute,
		.tm_hour = r.hour,
		.tm_mday = r.day,
		.tm_mon = r.month,
		.tm_year = r.year,
	};
	t.tv_sec = timegm(&shown);
	if (t.tv_sec < PLAUSIBLE || clock_settime(CLOCK_REALTIME, &t) < 0)
		say("clock", "the real-time clock's time cannot be taken", NULL);
}

void clock_sleep_ms(unsigned ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
