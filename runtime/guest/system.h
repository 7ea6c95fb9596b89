/* SPDX-License-Identifier: GPL-2.0-or-later */
/* system: what PID 1 makes of a bare kernel before anything else can work. Failures go to
 * the console and end nothing: what needs the missing part fails with its own message. */
#ifndef GUEST_SYSTEM_H
#define GUEST_SYSTEM_H

/* Invariant from here on: descriptors 0 to 2 are open, so no later open() becomes one of
 * them. The kernel gives PID 1 none where it has no /dev/console. */
void system_open_standard_files(void);

/* Says what goes wrong on the console, whatever an init has put in its place. */
void system_open_console(void);

/* Mounts the kernel's file systems, names the host, brings the loopback device up. */
void system_prepare(void);

/* Bounds what a mounted tmpfs may hold: a percentage of the memory that is free now, less
 * what the agent needs to end a run. Returns 0, or -1 with errno. */
int system_bound_memory(const char *target, unsigned percent);

/* Makes a folder, for anybody to read; what is there and is none makes way. Returns 0, or
 * -1 with errno. */
int system_make_folder(const char *path);

/* Makes a folder by its absolute path, and those above it, where they are missing.
 * Returns as above. */
int system_make_path(const char *path);

/* Loads one module, by its absolute path in the initrd; it may be loaded already. */
void system_load_module(int initrd, const char *path);

/* Loads the modules that /etc/modules lists. */
void system_load_modules(int initrd);

#endif
