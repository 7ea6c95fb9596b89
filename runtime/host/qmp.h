/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qmp: QEMU's monitor protocol: its messages, a JSON object a line, taken apart, and
 * commands to it. A QEMU that breaks the protocol or its limits is not listened to. */
#ifndef HOST_QMP_H
#define HOST_QMP_H

#include <jansson.h>
#include <stddef.h>

#include "common/memory.h"

#define QMP_LINE_LIMIT 65536

enum qmp_kind {
	QMP_GREETING,
	QMP_RETURN, /* data: what a command gave */
	QMP_ERROR,  /* text: why a command failed */
	QMP_EVENT,  /* text: its name; data: an object, or NULL */
};

struct qmp_message {
	enum qmp_kind kind;
	const char *text;
	const json_t *data;
};

struct qmp {
	struct buffer line; /* what has come of it */
	int broken;	    /* nothing more is believed */
	void (*tell)(void *context, const struct qmp_message *message);
	void *context;
};

/* Takes what was read and calls tell for each message. */
void qmp_feed(struct qmp *q, const char *bytes, size_t size);
void qmp_clear(struct qmp *q);

/* Sends a command; takes over the arguments (NULL: none). A descriptor (-1: none) goes
 * with it. QEMU takes them in order, also before it has greeted. 0, or -1 with errno. */
int qmp_send(int socket, const char *command, json_t *arguments, int fd);

#endif
