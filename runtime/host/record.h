/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record: the guest's own account of a run (docs/guest.md), which may be a lie, and the
 * result.json that is made of it. */
#ifndef HOST_RECORD_H
#define HOST_RECORD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "classify.h"
#include "common/diag.h"
#include "common/digest.h"

#define RECORD_LIMIT_BYTES (256 * 1024)

struct record {
	json_t *json; /* checked and cleaned, the documented keys only; owned */
	const char *class, *reason;
	int exit_status, signal; /* -1: null */
};

/* Checks the guest's record. Returns 0, or -1 with what is wrong in it. */
int record_parse(const char *bytes, size_t size, struct record *r, struct diag *d);
void record_clear(struct record *r);

/* What the host adds to the guest's account. */
struct record_context {
	const char *id, *unit, *key;
	const json_t *params;
	const char *accelerator, *qemu, *host;
	const char *start;	     /* "cold", "warm" or "kept" */
	uint64_t wall_ms, boot_ms;   /* of QEMU; until hello (0: never) */
	uint64_t limit_ms;	     /* the time limit given to the guest; 0: none */
	int64_t started;	     /* seconds since 1970 */
	json_t *output;		     /* what was unpacked, or NULL; borrowed */
	json_t *metrics;	     /* the unit's metrics, or NULL; borrowed */
	const char *metrics_problem; /* why there are none, or NULL */
};

/* The whole result.json; r may be NULL where there is no valid record. New reference. */
json_t *record_make_result(
	const struct record *r, const struct verdict *v, const struct record_context *c);

/* result.json's bytes, keys sorted and indented; the caller frees. */
char *record_format_result(const json_t *result);

#endif
