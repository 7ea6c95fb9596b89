/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base_recipe.h"
#include "common/file.h"
#include "package.h"
#include "place.h"
#include "scan.h"

#define AGENT_LIMIT_BYTES (16U * 1024 * 1024)
#define MEMBER_LIMIT_BYTES (512U * 1024 * 1024)

static char *find_agent(struct diag *d)
{
	static const char *const places[] = {"wuguest", "../libexec/workunit/wuguest"};
	const char *named = getenv("WUC_AGENT");
	char *folder, *path;

	if (named && *named)
		return memory_strdup(named);
	folder = file_program_folder(d);
	if (!folder)
		return NULL;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		path = memory_printf("%s/%s", folder, places[i]);
		if (access(path, R_OK) == 0) {
			free(folder);
			return path;
		}
		free(path);
	}
	diag_fail(d,
		"the guest agent wuguest is neither in %s nor in "
		"%s/../libexec/workunit; WUC_AGENT may name it",
		folder, folder);
	free(folder);
	return NULL;
}

int agent_read(struct agent *g, struct diag *d)
{
	*g = (struct agent){.path = find_agent(d)};
	if (!g->path)
		return -1;
	g->bytes = file_read(AT_FDCWD, g->path, AGENT_LIMIT_BYTES, &g->size, d);
	if (!g->bytes)
		return -1;
	if (g->size < 4 || memcmp(g->bytes, "\177ELF", 4) != 0)
		return diag_fail(d, "%s: not a program that a guest could run", g->path);
	digest_of_bytes(g->bytes, g->size, g->sha256);
	return 0;
}

void agent_clear(struct agent *g)
{
	free(g->path);
	free(g->bytes);
	*g = (struct agent){0};
}

int initrd_add_files(struct tree *t, const struct base_plan *plan,
	const struct base_options *o, struct diag *d)
{
	/* In the tree's arena: nodes point at the items that they come from. */
	struct item *own =
		arena_alloc(&t->arena, (plan->initrd.count + 1) * sizeof(*own));
	struct items items = {.list = own};
	struct scan_options scan = {.allowed = o->allowed,
		.allowed_count = o->allowed_count,
		.keep_special_modes = 1};

	scan.folder = base_recipe_folder(plan, &t->arena, d);
	if (!scan.folder)
		return -1;
	for (size_t i = 0; i < plan->initrd.count; i++) {
		if (plan->initrd.list[i].kind != ITEM_PACKAGE_FILE)
			own[items.count++] = plan->initrd.list[i];
	}
	return scan_items(t, "", &items, &scan, d);
}

int initrd_add_agent(struct tree *t, const struct agent *g, const struct base_plan *plan,
	struct diag *d)
{
	return tree_add_text(t, "init", g->bytes, g->size, 0755, &plan->place, d) ? 0
										  : -1;
}

int initrd_add_text(struct tree *t, const char *path, const struct buffer *text,
	const struct base_plan *plan, struct diag *d)
{
	char *bytes = arena_memdup(&t->arena, text->bytes, text->size);

	return tree_add_text(t, path, bytes, text->size, 0644, &plan->place, d) ? 0 : -1;
}

/* One package on its way into the tree. */
struct unpacking {
	struct tree *tree;
	const struct items *items;
	const char *package; /* as the recipe asks for it */
	char *found;	     /* a flag an item */
	struct diag *diag;
};

/* Where an item puts this member: its dest, or a path below it where the item names a
 * folder of the package; NULL where it is none of the item's. */
static const char *place_member(
	struct arena *a, const struct item *item, const char *path)
{
	size_t length = strlen(item->source);

	while (length > 0 && item->source[length - 1] == '/')
		length--;
	if (length > 0 && strncmp(path, item->source, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return item->dest;
	if (length > 0 && path[length++] != '/')
		return NULL;
	return *item->dest ? arena_printf(a, "%s/%s", item->dest, path + length)
			   : arena_strdup(a, path + length);
}

static int add_file(struct unpacking *u, const struct item *item, const char *dest,
	mode_t mode, const struct buffer *bytes)
{
	struct arena *a = &u->tree->arena;
	struct node *n =
		tree_add_text(u->tree, dest, arena_memdup(a, bytes->bytes, bytes->size),
			bytes->size, tree_mode(item, mode, 1), &item->place, u->diag);

	if (!n)
		return -1;
	n->xattrs = item->xattrs;
	return 0;
}

/* The other name must be in the tree by the same item, and before this one. */
static int add_hardlink(struct unpacking *u, const struct item *item, const char *dest,
	const struct member *m)
{
	const char *other = place_member(&u->tree->arena, item, m->target);
	struct node *to = other ? tree_find(u->tree, other) : NULL;
	struct node *n;

	if (!to || (to->type != NODE_FILE && to->type != NODE_HARDLINK))
		return place_fail(u->diag, &item->place,
			"%s in %s is another name of %s: name that one", m->path,
			u->package, m->target);
	n = tree_add(u->tree, dest, NODE_HARDLINK, to->mode, &item->place, u->diag);
	if (n)
		tree_link(n, to);
	return n ? 0 : -1;
}

static int add_member(struct unpacking *u, const struct item *item, const char *dest,
	const struct member *m, const struct buffer *bytes)
{
	struct node *n;

	switch (m->type) {
	case MEMBER_FILE:
		return add_file(u, item, dest, m->mode, bytes);
	case MEMBER_HARDLINK:
		return add_hardlink(u, item, dest, m);
	case MEMBER_FOLDER:
		n = tree_add(u->tree, dest, NODE_FOLDER, 0755, &item->place, u->diag);
		return n ? 0 : -1;
	case MEMBER_SYMLINK:
		n = tree_add(u->tree, dest, NODE_SYMLINK, 0777, &item->place, u->diag);
		if (n)
			n->target = arena_strdup(&u->tree->arena, m->target);
		return n ? 0 : -1;
	}
	return -1;
}

/* Several items may name one member; its bytes can be read only once. */
static int visit(const struct member *m, struct package_reader *r, void *context)
{
	CLEANUP(buffer_clear) struct buffer bytes = {0};
	struct unpacking *u = context;

	for (size_t i = 0; i < u->items->count; i++) {
		const struct item *item = &u->items->list[i];
		const char *dest = NULL;

		if (item->kind == ITEM_PACKAGE_FILE &&
			strcmp(item->package, u->package) == 0)
			dest = place_member(&u->tree->arena, item, m->path);
		if (!dest)
			continue;
		if (m->type == MEMBER_FILE && !bytes.bytes &&
			package_read(r, MEMBER_LIMIT_BYTES, &bytes, u->diag) < 0)
			return -1;
		if (add_member(u, item, dest, m, &bytes) < 0)
			return -1;
		u->found[i] = 1;
	}
	return 0;
}

static int unpack(struct unpacking *u, struct supply *s, const struct pin *pin)
{
	int wanted = 0;

	u->package = pin->asked;
	for (size_t i = 0; i < u->items->count; i++) {
		const struct item *item = &u->items->list[i];

		wanted |= item->kind == ITEM_PACKAGE_FILE &&
			  strcmp(item->package, pin->asked) == 0;
	}
	if (!wanted)
		return 0;
	return package_walk(s->store->fd, supply_place(pin, s->arena),
		supply_label(pin, s->arena), visit, u, u->diag);
}

int initrd_add_members(
	struct tree *t, const struct base_plan *plan, struct supply *s, struct diag *d)
{
	struct unpacking u = {.tree = t, .items = &plan->initrd, .diag = d};
	int rc = 0;

	u.found = memory_alloc(plan->initrd.count + 1);
	for (size_t i = 0; i < s->lock.count && rc == 0; i++)
		rc = unpack(&u, s, &s->lock.pins[i]);
	for (size_t i = 0; i < plan->initrd.count && rc == 0; i++) {
		const struct item *item = &plan->initrd.list[i];

		if (item->kind == ITEM_PACKAGE_FILE && !u.found[i])
			rc = place_fail(d, &item->place, "%s holds no %s",
				supply_label(supply_find(s, item->package), s->arena),
				item->source);
	}
	free(u.found);
	return rc;
}

/* The kernel's modules on their way into the tree. */
struct loading {
	struct tree *tree;
	const struct base_plan *plan;
	struct kernel *kernel;
	struct diag *diag;
};

struct order {
	const struct module **list;
	size_t count;
};

static int find_order(
	struct loading *l, const char *const *names, size_t count, struct order *order)
{
	struct diag problems = {0};

	if (modules_order(&l->kernel->modules, names, count, &order->list, &order->count,
		    &problems) < 0)
		return place_fail_all(l->diag, &l->plan->place, &problems);
	return 0;
}

static int holds(const struct order *order, const struct module *m)
{
	for (size_t i = 0; i < order->count; i++) {
		if (order->list[i] == m)
			return 1;
	}
	return 0;
}

/* Drivers may share modules: the tree has each once. */
static int add_module(struct loading *l, const struct module *m, struct buffer *text)
{
	struct arena *a = &l->tree->arena;
	const char *path = arena_printf(a, "lib/modules/%s.ko", m->name);
	const void *bytes;

	buffer_printf(text, "/%s\n", path);
	if (tree_find(l->tree, path))
		return 0;
	bytes = kernel_load_module(l->kernel, m, a, l->diag);
	return bytes && tree_add_text(l->tree, path, bytes, m->size, 0644,
				&l->plan->place, l->diag)
		       ? 0
		       : -1;
}

static int add_modules(struct loading *l, const struct order *order,
	const struct order *but, struct buffer *text)
{
	for (size_t i = 0; i < order->count; i++) {
		if (!(but && holds(but, order->list[i])) &&
			add_module(l, order->list[i], text) < 0)
			return -1;
	}
	return 0;
}

/* Of a driver that is part of the kernel, or always loaded, nothing is written. */
static int add_driver(struct loading *l, const char *name, const struct order *always,
	struct buffer *text)
{
	const struct module *m = modules_find(&l->kernel->modules, name);
	struct order order;

	if (find_order(l, &name, 1, &order) < 0)
		return -1;
	if (!m || holds(always, m))
		return 0;
	if (m->aliases.count == 0)
		return place_fail(l->diag, &l->plan->place,
			"no device asks for the driver %s: list it as one of the modules",
			name);
	for (size_t i = 0; i < m->aliases.count; i++)
		buffer_printf(text, "%s\n", m->aliases.list[i]);
	return add_modules(l, &order, always, text);
}

static int add_drivers(struct loading *l, const struct order *always)
{
	CLEANUP(buffer_clear) struct buffer text = {0};

	buffer_add(&text, "", 0);
	for (size_t i = 0; i < l->plan->driver_count; i++) {
		if (add_driver(l, l->plan->drivers[i], always, &text) < 0)
			return -1;
	}
	return text.size > 0
		       ? initrd_add_text(l->tree, "etc/drivers", &text, l->plan, l->diag)
		       : 0;
}

int initrd_add_modules(
	struct tree *t, const struct base_plan *plan, struct kernel *k, struct diag *d)
{
	CLEANUP(buffer_clear) struct buffer text = {0};
	struct loading l = {.tree = t, .plan = plan, .kernel = k, .diag = d};
	struct order always;

	buffer_add(&text, "", 0);
	if (find_order(&l, plan->modules, plan->module_count, &always) < 0 ||
		add_modules(&l, &always, NULL, &text) < 0 ||
		initrd_add_text(t, "etc/modules", &text, plan, d) < 0)
		return -1;
	return add_drivers(&l, &always);
}
