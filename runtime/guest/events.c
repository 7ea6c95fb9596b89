/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "events.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

/* <linux/netlink.h>, which the C library's own headers do not have. */
struct netlink_address {
	sa_family_t family;
	unsigned short padding;
	unsigned port, groups;
};
#define NETLINK_UEVENT 15
#define FROM_KERNEL 1 /* the group that the kernel itself sends to */

int events_open(void)
{
	struct netlink_address a = {.family = AF_NETLINK, .groups = FROM_KERNEL};
	int fd = socket(
		AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_UEVENT);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What came is looked for in sysfs: an event says no more than that it is worth it. One
 * that was lost for want of room (ENOBUFS) says so, too. */
static void take_all(int events)
{
	char byte;

	while (recv(events, &byte, 1, 0) >= 0 || errno == ENOBUFS || errno == EINTR)
		;
}

void events_wait(int events, unsigned timeout_ms)
{
	struct pollfd p = {.fd = events, .events = POLLIN};

	if (events < 0)
		clock_sleep_ms(timeout_ms);
	else if (poll(&p, 1, (int)timeout_ms) > 0)
		take_all(events);
}
