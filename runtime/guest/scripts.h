/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scripts: the unit's scripts, one after the other, and the verdict on each. */
#ifndef GUEST_SCRIPTS_H
#define GUEST_SCRIPTS_H

#include "launch.h"
#include "output.h"
#include "port.h"
#include "record.h"
#include "watch.h"

struct scripts {
	const struct manner *manner;
	struct record *record;
	struct watch watch;
	uint64_t oom_kills; /* before the script that runs */
};

/* Nothing is ready, and there is nothing to finish. */
void scripts_init(struct scripts *s);

/* Makes ready what does not depend on the unit. Returns 0, or -1 with errno. */
int scripts_prepare(struct scripts *s, struct output *o, struct port *p);

/* Runs them until none is left or one fails, and puts all of it into the record. */
void scripts_run(struct scripts *s, const struct manner *m, struct record *r);

/* Ends what has outlived them and gives back what scripts_prepare() took. */
void scripts_finish(struct scripts *s);

#endif
