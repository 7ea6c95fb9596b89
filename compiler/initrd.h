/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initrd: the tree of a base's initrd: the recipe's own files, members of packages, the
 * kernel's modules and the guest agent. */
#ifndef COMPILER_INITRD_H
#define COMPILER_INITRD_H

#include "base.h"
#include "kernel.h"
#include "supply.h"
#include "tree.h"

/* The guest agent's program, as found on this host. */
struct agent {
	char *path;
	char *bytes;
	size_t size;
	char sha256[DIGEST_HEX];
};

/* Reads it from $WUC_AGENT, else from beside this program, else from ../libexec/workunit.
 */
int agent_read(struct agent *g, struct diag *d);
void agent_clear(struct agent *g);

/* Adds all that needs no package: the recipe's own items, and the agent as /init. */
int initrd_add_files(struct tree *t, const struct base_plan *plan,
	const struct base_options *o, const struct agent *g, struct diag *d);

/* Adds the items that are members of packages; supply_fetch() came before. */
int initrd_add_members(
	struct tree *t, const struct base_plan *plan, struct supply *s, struct diag *d);

/* Adds /lib/modules/NAME.ko for the plan's modules and drivers and what they depend on;
 * the modules' order in /etc/modules; the drivers' aliases and modules in /etc/drivers.
 */
int initrd_add_modules(
	struct tree *t, const struct base_plan *plan, struct kernel *k, struct diag *d);

#endif
