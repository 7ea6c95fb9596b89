/* SPDX-License-Identifier: GPL-2.0-or-later */
/* power: the end of the guest. */
#ifndef GUEST_POWER_H
#define GUEST_POWER_H

/* Syncs and reboots; QEMU runs with -no-reboot, so this ends it. */
void power_reboot(void) __attribute__((noreturn));

/* Syncs and switches the machine off; where it has no such switch, it halts. */
void power_off(void) __attribute__((noreturn));

#endif
