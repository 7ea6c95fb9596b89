/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power.h"

#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "say.h"

void power_reboot(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	say("reboot", strerror(errno), NULL);
	/* PID 1 must never exit. */
	for (;;)
		pause();
}
