/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control: a connection to the agent of a running instance, by its second port: messages
 * of a word and bytes, both ways (docs/guest.md). The guest may be hostile. */
#ifndef HOST_CONTROL_H
#define HOST_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "runtime/unit.h"

#define CONTROL_SOCKET "control" /* in the instance's live work folder */
#define CONTROL_ANSWER_MS 60000	 /* an agent that says nothing for so long hangs */
#define CONTROL_LINE 64

struct control {
	int fd;
	char id[WU_ID_DIGITS + 1];
	const int *interrupt; /* a descriptor that can be read when we are to stop */
	char in[CONTROL_LINE + WU_CONTROL_CHUNK];
	size_t in_size;
};

#define CONTROL_NONE ((struct control){.fd = -1})

struct control_message {
	char word[16];
	size_t size;
	char bytes[WU_CONTROL_CHUNK + 1]; /* a NUL follows them */
};

/* Finds the instance that runs, by the start of its id, connects and waits until its
 * agent answers. control_close() in any case. 0 or -1. */
int control_open(struct control *c, const char *results, const char *id, struct diag *d);
void control_close(struct control *c);

/* 0 or -1. */
int control_send(struct control *c, const char *word, const void *bytes, size_t size,
	struct diag *d);
int control_send_text(
	struct control *c, const char *word, const char *text, struct diag *d);

/* Waits for a message. 0 or -1. */
int control_next(struct control *c, struct control_message *m, unsigned timeout_ms,
	struct diag *d);
/* Takes one that is there already. 1, 0 where there is none, or -1. */
int control_peek(struct control *c, struct control_message *m, struct diag *d);

/* What the guest says of its failure: adds the line, returns -1. */
int control_fail(
	const struct control *c, const struct control_message *m, struct diag *d);

#endif
