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

/* Adds the plan's own items that need no package. */
int initrd_add_files(struct tree *t, const struct base_plan *plan,
	const struct base_options *o, struct diag *d);
/* Adds the agent as /init; g must outlive the tree. */
int initrd_add_agent(struct tree *t, const struct agent *g, const struct base_plan *plan,
	struct diag *d);
/* Adds a file with this text, copied. */
int initrd_add_text(struct tree *t, const char *path, const struct buffer *text,
	const struct base_plan *plan, struct diag *d);

/* Adds the items that are members of packages; supply_fetch() came before. */
int initrd_add_members(
	struct tree *t, const struct base_plan *plan, struct supply *s, struct diag *d);

/* Adds /lib/modules/NAME.ko for the plan's modules and drivers and what they depend on;
 * the modules' order in /etc/modules; the drivers' aliases and modules in /etc/drivers.
 */
int initrd_add_modules(
	struct tree *t, const struct base_plan *plan, struct kernel *k, struct diag *d);

#endif
