/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "params.h"
#include "partitions.h"

/* All getters look at the table on top of the stack and leave the stack as it was. */

static const char *get_text(lua_State *lua, struct arena *a, const char *key)
{
	const char *text = NULL;
	size_t size;

	lua_getfield(lua, -1, key);
	if (lua_type(lua, -1) == LUA_TSTRING) {
		text = lua_tolstring(lua, -1, &size);
		text = arena_memdup(a, text, size);
	}
	lua_pop(lua, 1);
	return text;
}

static lua_Integer get_whole(lua_State *lua, const char *key, lua_Integer fallback)
{
	lua_Integer value = fallback;
	int is_whole;

	lua_getfield(lua, -1, key);
	value = lua_tointegerx(lua, -1, &is_whole);
	lua_pop(lua, 1);
	return is_whole ? value : fallback;
}

static int get_boolean(lua_State *lua, const char *key)
{
	int value;

	lua_getfield(lua, -1, key);
	value = lua_toboolean(lua, -1);
	lua_pop(lua, 1);
	return value;
}

static size_t count_of(lua_State *lua)
{
	return (size_t)lua_rawlen(lua, -1);
}

/* Steps into a field; lua_pop(lua, 1) steps out. A missing one reads as an empty table.
 */
static void enter(lua_State *lua, const char *key)
{
	lua_getfield(lua, -1, key);
	if (lua_type(lua, -1) != LUA_TTABLE) {
		lua_pop(lua, 1);
		lua_newtable(lua);
	}
}

static const char *const *get_texts(
	lua_State *lua, struct arena *a, const char *key, size_t *count)
{
	const char **list;

	enter(lua, key);
	*count = count_of(lua);
	list = arena_alloc(a, (*count + 1) * sizeof(*list));
	for (size_t i = 0; i < *count; i++) {
		lua_rawgeti(lua, -1, (lua_Integer)i + 1);
		list[i] = arena_strdup(a, lua_tostring(lua, -1));
		lua_pop(lua, 1);
	}
	lua_pop(lua, 1);
	return list;
}

static struct place get_place(lua_State *lua, struct arena *a)
{
	struct place p;

	enter(lua, "place");
	p.file = get_text(lua, a, "file");
	p.line = (int)get_whole(lua, "line", 0);
	p.field = get_text(lua, a, "field");
	lua_pop(lua, 1);
	return p;
}

static enum item_kind item_kind(const char *name)
{
	static const struct {
		const char *name;
		enum item_kind kind;
	} kinds[] = {
		{"file", ITEM_PATH},
		{"text", ITEM_TEXT},
		{"archive", ITEM_ARCHIVE},
		{"symlink", ITEM_SYMLINK},
		{"hardlink", ITEM_HARDLINK},
		{"folder", ITEM_FOLDER},
		{"deb", ITEM_PACKAGE_FILE},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return ITEM_PATH;
}

static void decode_xattrs(lua_State *lua, struct arena *a, struct item *item)
{
	struct xattrs *xattrs = arena_alloc(a, sizeof(*xattrs));
	struct xattr *list;

	enter(lua, "xattrs");
	xattrs->count = count_of(lua);
	xattrs->list = list = arena_alloc(a, (xattrs->count + 1) * sizeof(*list));
	for (size_t i = 0; i < xattrs->count; i++) {
		lua_rawgeti(lua, -1, (lua_Integer)i + 1);
		list[i].name = get_text(lua, a, "name");
		lua_getfield(lua, -1, "value");
		list[i].value = lua_tolstring(lua, -1, &list[i].size);
		list[i].value = arena_memdup(a, list[i].value, list[i].size);
		lua_pop(lua, 2);
	}
	lua_pop(lua, 1);
	item->xattrs = xattrs->count ? xattrs : NULL;
}

static unsigned get_keep(lua_State *lua)
{
	static const struct {
		const char *name;
		unsigned bit;
	} words[] = {
		{"modes", KEEP_MODES},
		{"owners", KEEP_OWNERS},
		{"times", KEEP_TIMES},
		{"xattrs", KEEP_XATTRS},
		{"devices", KEEP_DEVICES},
	};
	unsigned keep = 0;

	enter(lua, "keep");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (get_boolean(lua, words[i].name))
			keep |= words[i].bit;
	lua_pop(lua, 1);
	return keep;
}

static void decode_item(lua_State *lua, struct arena *a, struct item *item)
{
	item->kind = item_kind(get_text(lua, a, "kind"));
	item->dest = get_text(lua, a, "dest");
	item->source = get_text(lua, a, "source");
	lua_getfield(lua, -1, "source");
	item->source_size = (size_t)lua_rawlen(lua, -1);
	lua_pop(lua, 1);
	item->package = get_text(lua, a, "package");
	item->mode = (int)get_whole(lua, "mode", -1);
	item->keep = get_keep(lua);
	item->strip = (unsigned)get_whole(lua, "strip", 0);
	item->place = get_place(lua, a);
	decode_xattrs(lua, a, item);
}

static struct items get_items(lua_State *lua, struct arena *a, const char *key)
{
	struct items items;
	struct item *list;

	enter(lua, key);
	items.count = count_of(lua);
	list = arena_alloc(a, (items.count + 1) * sizeof(*list));
	for (size_t i = 0; i < items.count; i++) {
		lua_rawgeti(lua, -1, (lua_Integer)i + 1);
		decode_item(lua, a, &list[i]);
		lua_pop(lua, 1);
	}
	lua_pop(lua, 1);
	items.list = list;
	return items;
}

static struct value decode_value(lua_State *lua, struct arena *a)
{
	char text[32];

	switch (lua_type(lua, -1)) {
	case LUA_TBOOLEAN:
		return (struct value){
			VALUE_BOOLEAN, lua_toboolean(lua, -1) ? "true" : "false"};
	case LUA_TNUMBER:
		if (lua_isinteger(lua, -1))
			return (struct value){
				VALUE_NUMBER, arena_printf(a, "%lld",
						      (long long)lua_tointeger(lua, -1))};
		return (struct value){VALUE_NUMBER,
			arena_strdup(a, params_number_text(lua_tonumber(lua, -1), text))};
	default:
		return (struct value){VALUE_TEXT, arena_strdup(a, lua_tostring(lua, -1))};
	}
}

static void decode_instance(
	lua_State *lua, struct arena *a, const struct sweep *s, struct instance *instance)
{
	struct value *values = arena_alloc(a, (s->name_count + 1) * sizeof(*values));

	for (size_t i = 0; i < s->name_count; i++) {
		lua_getfield(lua, -1, s->names[i]);
		values[i] = decode_value(lua, a);
		lua_pop(lua, 1);
	}
	instance->values = values;
	params_set_id(instance, s);
}

static int compare_ids(const void *a, const void *b)
{
	const struct instance *const *x = a, *const *y = b;
	int order = memcmp((*x)->id, (*y)->id, sizeof((*x)->id));

	return order ? order : (*x > *y) - (*x < *y);
}

static int values_equal(
	const struct sweep *s, const struct value *a, const struct value *b)
{
	for (size_t i = 0; i < s->name_count; i++)
		if (a[i].type != b[i].type || strcmp(a[i].text, b[i].text) != 0)
			return 0;
	return 1;
}

/* Instances that say the same are one: the first of them stays, in its place. */
static void drop_duplicates(
	lua_State *lua, struct arena *a, struct sweep *s, struct instance *list)
{
	struct instance **sorted =
		arena_alloc(a, (s->instance_count + 1) * sizeof(*sorted));
	char *dropped = arena_alloc(a, s->instance_count + 1);
	size_t kept = 0;

	for (size_t i = 0; i < s->instance_count; i++)
		sorted[i] = &list[i];
	qsort(sorted, s->instance_count, sizeof(*sorted), compare_ids);
	for (size_t i = 1; i < s->instance_count; i++) {
		if (strcmp(sorted[i]->id, sorted[i - 1]->id) != 0)
			continue;
		if (!values_equal(s, sorted[i]->values, sorted[i - 1]->values))
			luaL_error(lua,
				"two instances with different parameters share the id %s",
				sorted[i]->id);
		dropped[sorted[i] - list] = 1;
	}
	for (size_t i = 0; i < s->instance_count; i++)
		if (!dropped[i])
			list[kept++] = list[i];
	s->instance_count = kept;
}

static struct sweep get_sweep(lua_State *lua, struct arena *a, const char *key)
{
	struct instance *list;
	struct sweep s;

	enter(lua, key);
	s.names = get_texts(lua, a, "names", &s.name_count);
	enter(lua, "rows");
	s.instance_count = count_of(lua);
	list = arena_alloc(a, (s.instance_count + 1) * sizeof(*list));
	for (size_t i = 0; i < s.instance_count; i++) {
		lua_rawgeti(lua, -1, (lua_Integer)i + 1);
		decode_instance(lua, a, &s, &list[i]);
		lua_pop(lua, 1);
	}
	lua_pop(lua, 1);
	s.place = get_place(lua, a);
	lua_pop(lua, 1);
	drop_duplicates(lua, a, &s, list);
	s.instances = list;
	return s;
}

static const struct script *get_scripts(lua_State *lua, struct arena *a, size_t *count)
{
	struct script *list;

	enter(lua, "scripts");
	*count = count_of(lua);
	list = arena_alloc(a, (*count + 1) * sizeof(*list));
	for (size_t i = 0; i < *count; i++) {
		lua_rawgeti(lua, -1, (lua_Integer)i + 1);
		list[i].name = get_text(lua, a, "name");
		list[i].text = get_text(lua, a, "text");
		lua_pop(lua, 1);
	}
	lua_pop(lua, 1);
	return list;
}

static enum root_kind get_root_kind(lua_State *lua, struct arena *a)
{
	const char *name = get_text(lua, a, "root");

	if (!name)
		return ROOT_NONE;
	return strcmp(name, "packages") == 0 ? ROOT_PACKAGES
	       : strcmp(name, "image") == 0  ? ROOT_IMAGE
					     : ROOT_ITEMS;
}

static const struct base_reference *get_base_reference(
	lua_State *lua, struct arena *a, const char *key);

static void get_disk(lua_State *lua, struct arena *a, struct base_plan *b)
{
	const char *agent = get_text(lua, a, "agent");

	b->disk = get_text(lua, a, "disk");
	b->disk_format = get_text(lua, a, "disk_format");
	b->partition = (int)get_whole(lua, "partition", PARTITION_ANY);
	b->home = get_text(lua, a, "home");
	if (agent)
		b->agent = strcmp(agent, "seed") == 0	? AGENT_SEED
			   : strcmp(agent, "none") == 0 ? AGENT_NONE
							: AGENT_GUEST;
}

/* The table of a base{…} is on top. */
static struct base_plan *decode_base(lua_State *lua, struct arena *a)
{
	struct base_plan *b = arena_alloc(a, sizeof(*b));

	b->name = get_text(lua, a, "name");
	b->description = get_text(lua, a, "description");
	get_disk(lua, a, b);
	b->from = get_base_reference(lua, a, "from");
	b->suite = get_text(lua, a, "suite");
	b->kernel_package = get_text(lua, a, "kernel");
	b->modules = get_texts(lua, a, "modules", &b->module_count);
	b->drivers = get_texts(lua, a, "drivers", &b->driver_count);
	b->initrd = get_items(lua, a, "initrd");
	b->root = get_root_kind(lua, a);
	b->packages = get_texts(lua, a, "packages", &b->package_count);
	b->image = get_text(lua, a, "image");
	b->contents = get_items(lua, a, "contents");
	b->files = get_items(lua, a, "files");
	b->init = get_boolean(lua, "init");
	b->append = get_text(lua, a, "append");
	b->epoch = get_whole(lua, "epoch", 0);
	b->place = get_place(lua, a);
	b->recipe_path = b->place.file;
	return b;
}

/* NULL where there is none. */
static const struct base_reference *get_base_reference(
	lua_State *lua, struct arena *a, const char *key)
{
	struct base_reference *r = arena_alloc(a, sizeof(*r));
	const char *kind;

	enter(lua, key);
	kind = get_text(lua, a, "kind");
	r->text = get_text(lua, a, "text");
	r->place = get_place(lua, a);
	if (kind && strcmp(kind, "inline") == 0) {
		r->kind = BASE_INLINE;
		enter(lua, "plan");
		r->plan = decode_base(lua, a);
		lua_pop(lua, 1);
	} else if (kind) {
		r->kind = strcmp(kind, "path") == 0 ? BASE_PATH : BASE_NAME;
	}
	lua_pop(lua, 1);
	return kind ? r : NULL;
}

static enum unit_layout get_layout(lua_State *lua, struct arena *a)
{
	const char *name = get_text(lua, a, "layout");

	return !name || strcmp(name, "disks") == 0 ? LAYOUT_DISKS
	       : strcmp(name, "single") == 0	   ? LAYOUT_SINGLE
						   : LAYOUT_BOOTABLE;
}

static struct machine get_machine(lua_State *lua, struct arena *a)
{
	struct machine m;

	enter(lua, "machine");
	m.cpus = (unsigned)get_whole(lua, "cpus", 1);
	m.memory_bytes = (uint64_t)get_whole(lua, "memory", 0);
	m.time_ms = (uint64_t)get_whole(lua, "time_ms", 0);
	m.network = get_text(lua, a, "network");
	m.user = get_text(lua, a, "user");
	lua_pop(lua, 1);
	return m;
}

static struct output get_output(lua_State *lua, struct arena *a)
{
	struct output o;

	enter(lua, "output");
	o.size_bytes = (uint64_t)get_whole(lua, "size", 0);
	o.metrics = get_text(lua, a, "metrics");
	lua_pop(lua, 1);
	return o;
}

static struct plan *decode_unit(lua_State *lua, struct arena *a)
{
	struct plan *p = arena_alloc(a, sizeof(*p));

	p->name = get_text(lua, a, "name");
	p->description = get_text(lua, a, "description");
	p->licence = get_text(lua, a, "licence");
	p->version = get_text(lua, a, "version");
	p->authors = get_texts(lua, a, "authors", &p->author_count);
	p->epoch = get_whole(lua, "epoch", 0);
	p->base = *get_base_reference(lua, a, "base");
	p->app = get_items(lua, a, "app");
	p->input = get_items(lua, a, "input");
	p->app_size_bytes = (uint64_t)get_whole(lua, "app_size", 0);
	p->sweep = get_sweep(lua, a, "params");
	p->scripts = get_scripts(lua, a, &p->script_count);
	p->layout = get_layout(lua, a);
	p->floppy = get_boolean(lua, "floppy");
	p->output = get_output(lua, a);
	p->machine = get_machine(lua, a);
	p->place = get_place(lua, a);
	return p;
}

void decode_plan(
	lua_State *lua, struct arena *a, struct plan **unit, struct base_plan **base)
{
	const char *kind = get_text(lua, a, "kind");

	*unit = NULL;
	*base = NULL;
	if (strcmp(kind, "base") == 0)
		*base = decode_base(lua, a);
	else
		*unit = decode_unit(lua, a);
}
