/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port: what the agent says to the host while it runs, where there is a virtio-serial
 * port for it. Nothing here ever blocks; what the host does not take in time is dropped.
 */
#ifndef GUEST_PORT_H
#define GUEST_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

#define PORT_CHUNK 16384 /* the most bytes of output in one message */
#define PORT_HEADER 32	 /* room before them for the message's line */

struct port {
	int fd; /* -1 as long as there is none */
	size_t waiting_size;
	char waiting[2 * PORT_CHUNK]; /* messages that the port has not taken yet */
};

void port_init(struct port *p);

/* Opens the port of this name, without blocking. A descriptor, or -1: not there yet. */
int port_find(const char *name);

/* 1 where the machine has what ports come with. */
int port_has_controller(void);

/* Looks for the port where it is not open yet: it may turn up late. Sends what waits. */
void port_open(struct port *p);

/* Sends what waits, as far as the host takes it. */
void port_flush(struct port *p);

/* Starts a message; the caller adds to it and ends it with port_send(). */
#define PORT_LINE 768
struct text port_message(char bytes[PORT_LINE], const char *word);
void port_send(struct port *p, struct text *message);

/* Sends "word N" and N bytes, or drops them. PORT_HEADER bytes before them are the
 * caller's to give. */
void port_send_bytes(struct port *p, const char *word, char *bytes, size_t size);

/* Gives the host a last quarter of a second to take what waits. */
void port_finish(struct port *p);

#endif
