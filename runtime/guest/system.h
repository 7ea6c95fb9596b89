/* SPDX-License-Identifier: GPL-2.0-or-later */
/* system: what PID 1 makes of a bare kernel before anything else can work. Failures go to
 * the console and end nothing: what needs the missing part fails with its own message. */
#ifndef GUEST_SYSTEM_H
#define GUEST_SYSTEM_H

/* Mounts the kernel's file systems, names the host, brings the loopback device up. */
void system_prepare(void);

/* Loads the modules that /etc/modules lists. */
void system_load_modules(void);

#endif
