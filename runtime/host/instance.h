/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance: one run of a unit, from its work folder to its committed result, as a state
 * machine that one poll loop drives:
 *
 *     idle ─start▶ running ─QEMU ended▶ unpacking ─classified▶ syncing ─renamed▶ ended
 */
#ifndef HOST_INSTANCE_H
#define HOST_INSTANCE_H

#include <jansson.h>
#include <poll.h>
#include <stdint.h>

#include "classify.h"
#include "common/diag.h"
#include "guest.h"
#include "live.h"
#include "manifest.h"
#include "record.h"
#include "relay.h"
#include "results.h"
#include "snapshot.h"
#include "unpack.h"

#define INSTANCE_POLLS GUEST_POLLS
#define INSTANCE_LIVE_BYTES (64 * 1024)

enum keep { KEEP_NONE, KEEP_FAILED, KEEP_ALL };

/* What all instances of a run share; nothing in it but the results changes while they
 * run. */
struct instance_context {
	const struct manifest *manifest;
	struct results *results;
	const struct qemu_program *program;
	int unit;		       /* the unit's folder */
	int kernel, initrd, app, root; /* -1 where there is none, as in all that follow */
	int disk, seed;		       /* what the firmware boots; its second CD */
	int output; /* the unit's own file that each instance starts from a copy of */
	uint64_t output_bytes;
	int keep_guests;  /* a guest that serves runs one instance after the other */
	uint64_t time_ms; /* the limit given to the guest; 0: none */
	uint64_t boot_ms; /* until a guest must have spoken; 0: long enough */
	enum keep keep;
	int may_fall_back;	 /* from KVM, where the guest does not boot with it */
	const char *host;	 /* this machine's name */
	struct relay *out, *err; /* where live output goes, or NULL */
};

enum instance_state {
	INSTANCE_IDLE,
	INSTANCE_RUNNING,
	INSTANCE_UNPACKING,
	INSTANCE_SYNCING,
	INSTANCE_ENDED,
};

struct instance {
	enum instance_state state;
	const struct instance_context *context;
	const struct manifest_instance *what;
	enum accelerator accelerator;
	struct work work;
	int output, params, floppy; /* its disks */
	int is_warm;		    /* it goes on from a snapshot */
	int is_kept;		    /* its guest ran another one before */
	int is_told;		    /* how it goes on */
	int has_recorded;	    /* it said that it is done */
	int is_done;		    /* it said so, and QEMU may be ended by us */
	struct guest guest;	    /* while it runs; afterwards one that is to be kept */
	struct buffer live[2];	    /* the end of what came live: stdout, stderr */
	uint64_t relayed[2];	    /* bytes of it */
	struct unpack unpack;
	struct facts facts;
	uint64_t started_ms, hello_ms, ended_ms;
	int64_t started; /* seconds since 1970 */
	uint64_t deadline_ms;
	enum stop_cause deadline_cause;
	struct live view;
	unsigned attempt; /* which one of this run it is, from 1 */

	/* Once it has ended: */
	struct verdict verdict;
	json_t *result; /* as committed, or NULL where there is nothing to commit */
	int committed;
	int fell_back;	 /* it should be started again, with TCG */
	char *not_woken; /* why it should be started again, cold; or NULL */
};

/* Milliseconds within which a guest that boots must have spoken. */
uint64_t instance_boot_limit(const struct instance_context *c, enum accelerator a);

/* Makes it idle; first of all. */
void instance_init(struct instance *i);
/* What an instance goes on from; both NULL: nothing, it boots. */
struct instance_origin {
	const struct snapshot *snapshot;
	struct guest *guest; /* taken over */
};

/* Starts it in i, which is idle. `attempt` counts from 1. Where this returns -1, i has
 * ended as a host-error, whose reason is in its verdict. */
int instance_start(struct instance *i, const struct instance_context *c,
	const struct manifest_instance *what, enum accelerator a,
	const struct instance_origin *from, unsigned attempt);
/* 1 where it runs no more, but its guest does, and waits for another instance. */
int instance_has_guest(const struct instance *i);

/* Fills in at most INSTANCE_POLLS; returns how many. */
int instance_add_polls(const struct instance *i, struct pollfd *polls);
/* Does what there is to do. Call it after each poll() and at the deadline. */
void instance_step(struct instance *i);
/* When it must be stepped at the latest; CLOCK_NEVER where nothing is due. */
uint64_t instance_deadline(const struct instance *i);
/* Ends QEMU or the unpacker at once; the instance has ended as interrupted. */
void instance_interrupt(struct instance *i);
/* Frees all; i is idle again. */
void instance_clear(struct instance *i);

#endif
