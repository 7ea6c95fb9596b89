/* SPDX-License-Identifier: GPL-2.0-or-later */
/* system: what PID 1 makes of a bare kernel before anything else can work. Failures go to
 * the console and end nothing: what needs the missing part fails with its own message. */
#ifndef GUEST_SYSTEM_H
#define GUEST_SYSTEM_H

/* Invariant from here on: descriptors 0 to 2 are open, so no later open() becomes one of
 * them. The kernel gives PID 1 none where it has no /dev/console. */
void system_open_standard_files(void);

/* Mounts the kernel's file systems, names the host, brings the loopback device up. */
void system_prepare(void);

/* Loads one module; it may be loaded already. */
void system_load_module(const char *path);

/* Loads the modules that /etc/modules lists. */
void system_load_modules(void);

#endif
