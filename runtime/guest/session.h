/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session: one connection of the host's at the control port after the other: messages in
 * and out (docs/guest.md), and what they ask for. A process of its own, which may block.
 */
#ifndef GUEST_SESSION_H
#define GUEST_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "launch.h"
#include "runtime/unit.h"
#include "text.h"

#define SESSION_LINE 64
#define SESSION_ARGUMENTS 1024
#define SESSION_ARGUMENT_BYTES 131072

struct session {
	int fd;
	int signals; /* signalfd of SIGTERM: the instance ends */
	const struct manner *manner;
	char token[WU_CONTROL_TOKEN + 1]; /* of the connection */
	int is_over; /* the host has gone, or begun another one, or the instance ends */
	int is_told; /* the latter */

	/* what came and was not looked at yet */
	char in[SESSION_LINE + WU_CONTROL_CHUNK];
	size_t in_size;

	/* the request's words */
	char *arguments[SESSION_ARGUMENTS + 1]; /* ends with NULL */
	size_t argument_count, argument_size;
	char argument_bytes[SESSION_ARGUMENT_BYTES];
};

struct message {
	char word[16];
	size_t size;
	char bytes[WU_CONTROL_CHUNK + 1]; /* a NUL follows them */
};

/* Never returns. */
void session_serve(int fd, const struct manner *m) __attribute__((noreturn));

/* Waits for the next message. Returns 0, or -1 where the connection is over. */
int session_next(struct session *s, struct message *m);

/* 1 where the instance ends, and with it all requests. */
int session_is_told(struct session *s);

/* Looks whether the host has gone or begun anew, without waiting; sends. Both return 0,
 * or -1 where the connection is over. */
int session_look(struct session *s);
int session_send(struct session *s, const char *word, const void *bytes, size_t size);
int session_send_text(struct session *s, const char *word, const struct text *t);

/* Sends an `error`: "WHAT: WHY". Returns as above. */
int session_fail(struct session *s, const char *what, const char *why);

/* The user that a request's first word names; what follows it, or "", in *rest. NULL
 * where it names none. */
const struct user *session_user(
	const struct session *s, struct message *m, const char **rest);

/* Files are looked at and made as that user, until session_be_root(). 0 or -1. */
int session_become(const struct user *u);
void session_be_root(void);

/* What a request asks for, to its end. */
void session_exec(struct session *s, struct message *m);
void session_put(struct session *s, struct message *m);
void session_get(struct session *s, struct message *m);

#endif
