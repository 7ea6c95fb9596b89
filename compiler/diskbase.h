/* SPDX-License-Identifier: GPL-2.0-or-later */
/* diskbase: a base that is a complete disk -> its image in the store, which is copied
 * there as it is, in its own format, and the CD that brings the agent (base.h draws it).
 */
#ifndef COMPILER_DISKBASE_H
#define COMPILER_DISKBASE_H

#include "base.h"

/* base_build() and base_check() for such a base. */
int diskbase_build(const struct chain *c, const struct base_options *o, struct base *base,
	struct arena *a, struct diag *d);
int diskbase_check(const struct chain *c, const struct base_options *o, struct diag *d);

#endif
