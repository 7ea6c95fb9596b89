/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scripts: the unit's scripts, one after the other, and the verdict on each. */
#ifndef GUEST_SCRIPTS_H
#define GUEST_SCRIPTS_H

#include "launch.h"
#include "output.h"
#include "port.h"
#include "record.h"
#include "watch.h"

/* What all of them have in common. */
struct manner {
	uint64_t time_ms; /* the limit on all of them together; 0: none */
	const struct user *user;
	const char *folder;
	char *const *environment;
};

struct scripts {
	const struct manner *manner;
	struct record *record;
	struct watch watch;
	uint64_t oom_kills; /* before the script that runs */
};

/* Makes ready what does not depend on the unit. Returns 0, or -1 with errno. */
int scripts_prepare(struct scripts *s, struct output *o, struct port *p);

/* Runs them until none is left or one fails, and puts all of it into the record. */
void scripts_run(struct scripts *s, const struct manner *m, struct record *r);

#endif
