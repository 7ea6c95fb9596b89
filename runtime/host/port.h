/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port: what the guest says on its virtio-serial port (docs/guest.md), taken apart. The
 * guest may be hostile: lines and payloads have limits, and the first line that breaks
 * them ends the conversation. */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include <stddef.h>
#include <stdint.h>

#define PORT_LINE_LIMIT 4096
#define PORT_PAYLOAD_LIMIT 65536

enum port_kind {
	PORT_HELLO, /* text: the agent */
	PORT_READY,
	PORT_STARTED, /* text: the script */
	PORT_STDOUT,  /* bytes, size: a part of what was written */
	PORT_STDERR,
	PORT_PROGRESS, /* fraction, text */
	PORT_HEARTBEAT,
	PORT_EXITED, /* text: the script */
	PORT_DONE,   /* text: the class */
	PORT_ERROR,  /* text */
};

struct port_message {
	enum port_kind kind;
	const char *text; /* cleaned of control bytes; "" where there is none */
	const char *bytes;
	size_t size;
	double fraction; /* 0 to 1 */
};

struct port {
	char line[PORT_LINE_LIMIT];
	size_t length;
	size_t payload_left;
	enum port_kind payload_kind;
	int broken; /* nothing more is believed */
	void (*tell)(void *context, const struct port_message *message);
	void *context;
};

/* Takes what was read and calls tell for each message, payloads in parts as they come. */
void port_feed(struct port *p, const char *bytes, size_t size);

#endif
