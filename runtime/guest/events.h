/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events: the kernel's word that a device came or changed. */
#ifndef GUEST_EVENTS_H
#define GUEST_EVENTS_H

/* Events count from here on. Returns a descriptor for events_wait() and close(2), or -1
 * where the kernel tells none: waiting works without, too. */
int events_open(void);

/* Waits until there was an event or the time is over. */
void events_wait(int events, unsigned timeout_ms);

#endif
