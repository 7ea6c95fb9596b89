/* SPDX-License-Identifier: GPL-2.0-or-later */
/* warm: the saved guest that a run's instances go on from: found in the store, or made
 * by a QEMU of its own beside the first instances, which boot meanwhile.
 *
 *     off        making ─saved▶ ready        elsewhere ─another run made it▶ ready
 *
 * Whatever goes wrong, the run goes on cold, and `complaint` says why. */
#ifndef HOST_WARM_H
#define HOST_WARM_H

#include <poll.h>
#include <stdint.h>

#include "common/digest.h"
#include "instance.h"
#include "port.h"
#include "qmp.h"
#include "snapshot.h"

#define WARM_POLLS 6
#define WARM_WORTH_IT 4 /* instances from which on it pays to make a snapshot */

enum warm_wish { WARM_AUTO, WARM_ON, WARM_OFF };

enum warm_state { WARM_IS_OFF, WARM_MAKING, WARM_ELSEWHERE, WARM_READY };

struct warm {
	enum warm_wish wish;
	enum warm_state state;
	const struct instance_context *context;
	enum accelerator accelerator;
	size_t instances;
	char key[DIGEST_HEX];
	int store, lock;
	struct snapshot snapshot;
	char *complaint;   /* to be told, once; NULL: none */
	unsigned failures; /* to go on from it, in a row */

	/* while it is made */
	struct qemu qemu;
	struct port port;
	struct qmp qmp;
	struct buffer errors; /* QEMU's own messages */
	unsigned step;	      /* commands sent */
	int saved;
	char *problem; /* why it cannot be made, or NULL */
	uint64_t deadline_ms;
	uint64_t look_again_ms; /* elsewhere */

	pid_t keeper; /* the child that puts it into the store, or 0 */
	int keeper_end;
};

#define WARM_NONE                                                                        \
	((struct warm){.store = -1,                                                      \
		.lock = -1,                                                              \
		.snapshot = SNAPSHOT_NONE,                                               \
		.qemu = QEMU_NONE,                                                       \
		.keeper_end = -1})

/* "auto", "on" or "off"; -1 for anything else. */
int warm_parse_wish(const char *text, enum warm_wish *wish);

void warm_init(struct warm *w, enum warm_wish wish);
/* Finds the snapshot for these instances, or begins to make it. */
void warm_begin(struct warm *w, const struct instance_context *c, enum accelerator a,
	size_t instances);
/* Instances start cold from now on. `why` (NULL: nothing to tell) is copied. */
void warm_stop(struct warm *w, const char *why);
/* An instance went on from it, or could not: after three in a row it is stopped. */
void warm_note(struct warm *w, int good, const char *why);

/* As the instances': fills in at most WARM_POLLS; does what there is to do. */
int warm_add_polls(const struct warm *w, struct pollfd *polls);
void warm_step(struct warm *w);
uint64_t warm_deadline(const struct warm *w);
/* 1 while a QEMU of its own runs, in the place of an instance. */
int warm_is_making(const struct warm *w);
/* What an instance goes on from, or NULL. */
const struct snapshot *warm_get(const struct warm *w);

void warm_clear(struct warm *w);

#endif
