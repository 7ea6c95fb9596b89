/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power.h"

#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "say.h"

static void __attribute__((noreturn)) end(int how, const char *name)
{
	sync();
	reboot(how);
	say(name, strerror(errno), NULL);
	/* PID 1 must never exit. */
	for (;;)
		pause();
}

void power_reboot(void)
{
	end(RB_AUTOBOOT, "reboot");
}

void power_off(void)
{
	end(RB_POWER_OFF, "power off");
}
