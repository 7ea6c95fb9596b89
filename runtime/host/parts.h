/* SPDX-License-Identifier: GPL-2.0-or-later */
/* parts: a unit's files that all its machines share, opened. */
#ifndef HOST_PARTS_H
#define HOST_PARTS_H

#include "instance.h"

/* None is open. */
void parts_init(struct instance_context *c);
/* Opens those that the unit has, below c->unit; `unit` is what messages call it. Returns
 * 0 or -1. */
int parts_open(struct instance_context *c, const char *unit, const struct manifest *m,
	struct diag *d);
void parts_close(struct instance_context *c);

#endif
