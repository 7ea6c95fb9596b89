/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scripts: the unit's scripts, one after the other, and the verdict on each. */
#ifndef GUEST_SCRIPTS_H
#define GUEST_SCRIPTS_H

#include "arguments.h"
#include "output.h"
#include "port.h"
#include "record.h"

/* Runs them until none is left or one fails, and puts all of it into the record. */
void scripts_run(const struct arguments *a, char *const *environment, struct output *o,
	struct port *p, struct record *r);

#endif
