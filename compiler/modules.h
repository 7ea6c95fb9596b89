/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modules: a kernel's modules and the order in which to load some of them, from what
 * each says of itself in .modinfo. Names count "-" and "_" as the same. */
#ifndef COMPILER_MODULES_H
#define COMPILER_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "common/diag.h"
#include "common/memory.h"

struct module_names {
	const char **list;
	size_t count;
};

struct module {
	const char *name;	     /* with "_" */
	struct module_names depends; /* must be loaded before it */
	struct module_names aliases; /* patterns of the devices that it drives */
	struct module_names
		before; /* softdep: should be loaded before, where it exists */
	struct module_names after;
	uint64_t offset, size; /* the caller's own: where its bytes are kept */
	int mark;	       /* modules_order()'s own */
};

struct modules {
	struct arena arena;
	struct module *list; /* sorted by modules_finish() */
	size_t count, room;
	struct module_names builtin; /* parts of the kernel itself */
};

void modules_clear(struct modules *m);

/* Adds the module in these bytes, an ELF file; its name is the path's last part without
 * ".ko" and what follows. Returns it, valid until the next call, or NULL. */
struct module *modules_add(struct modules *m, const char *path, const void *bytes,
	size_t size, struct diag *d);
/* Adds the names in a modules.builtin file: a path a line. */
void modules_add_builtin(struct modules *m, const char *text, size_t size);
/* Ends adding. */
void modules_finish(struct modules *m);

/* The module of this name, or NULL. */
const struct module *modules_find(struct modules *m, const char *name);

/* The named modules and all that they depend on, each once, dependencies first. Names
 * that are built in are left out. The order belongs to m. */
int modules_order(struct modules *m, const char *const *names, size_t count,
	const struct module ***order, size_t *order_count, struct diag *d);

#endif
