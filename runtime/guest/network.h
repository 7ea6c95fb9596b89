/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network: the loopback device, and an Ethernet interface where the machine has one, as
 * QEMU's user network has it. Failures go to the console. */
#ifndef GUEST_NETWORK_H
#define GUEST_NETWORK_H

void network_raise_loopback(void);

/* Brings the first Ethernet interface up, by name, with address, route and, where the
 * base says none, name server. Without one there is nothing to do. */
void network_configure(void);

#endif
