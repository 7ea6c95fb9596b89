/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/quantity.h"
#include "decode.h"
#include "params.h"
#include "resolve.h"
#include "sandbox.h"

#define RECIPE_LIMIT_BYTES ((size_t)64 << 20)
/* What a recipe has outside of Lua's own memory, which is limited by itself. */
#define READ_LIMIT_BYTES ((size_t)256 << 20)
#define READS_LIMIT 10000
#define NOTES_LIMIT_BYTES ((size_t)1 << 20)

/* What the functions that Lua calls need; a light userdata is their upvalue. */
struct host {
	struct recipe *recipe;
	const struct recipe_options *options;
	const char *path, *source;
	size_t source_size;
	struct resolve_roots roots;
	size_t reads, read_bytes;
	struct diag *d;
};

static struct host *host_of(lua_State *lua)
{
	return lua_touserdata(lua, lua_upvalueindex(1));
}

/* The room doubles whenever the count is a power of two. */
static void add_input(struct recipe *r, const char *path)
{
	size_t count = r->input_count;

	if ((count & (count - 1)) == 0) {
		const char **grown =
			arena_alloc(&r->arena, (count ? 2 * count : 1) * sizeof(*grown));

		if (count)
			memcpy(grown, r->inputs, count * sizeof(*grown));
		r->inputs = grown;
	}
	r->inputs[r->input_count++] = path;
}

/* The path as messages and depfiles show it: beside the recipe, as the user named that.
 */
static const char *beside(struct host *h, const char *path)
{
	const char *slash = strrchr(h->path, '/');

	if (path[0] == '/' || !slash)
		return arena_strdup(&h->recipe->arena, path);
	return arena_printf(
		&h->recipe->arena, "%.*s/%s", (int)(slash - h->path), h->path, path);
}

/* Pushes nil and what is wrong with the path. */
static int push_read_problem(lua_State *lua, enum resolve_result result, const char *path,
	const char *resolved)
{
	lua_pushnil(lua);
	if (result == RESOLVE_MISSING)
		lua_pushfstring(lua, "expected a file, found nothing at %s", path);
	else if (result == RESOLVE_OUTSIDE)
		lua_pushfstring(lua,
			"expected a file below the recipe's folder, found %s (allow its "
			"folder with --allow)",
			resolved);
	else
		lua_pushfstring(lua, "%s: %s", path, strerror(errno));
	return 2;
}

/* NULL where one more file may be read, by a path of that size. */
static const char *check_budget(struct host *h, size_t path_size)
{
	if (path_size >= PATH_MAX)
		return "expected a path, found a text that is longer than any";
	if (h->reads++ >= READS_LIMIT)
		return "expected fewer files: ten thousand were asked for already";
	return NULL;
}

/* Reads on until the files of one recipe are too many bytes together. */
static char *read_some(
	struct host *h, const char *resolved, size_t *size, struct diag *problems)
{
	size_t left = READ_LIMIT_BYTES - h->read_bytes;
	char *bytes = file_read(AT_FDCWD, resolved,
		left < RECIPE_LIMIT_BYTES ? left : RECIPE_LIMIT_BYTES, size, problems);

	if (bytes)
		h->read_bytes += *size;
	return bytes;
}

/* read(path) -> text, or nil and what is wrong. */
static int host_read(lua_State *lua)
{
	struct host *h = host_of(lua);
	size_t size;
	const char *path = luaL_checklstring(lua, 1, &size);
	struct arena *a = &h->recipe->arena;
	struct diag problems = {0};
	const char *resolved, *problem;
	char *bytes, *copy;
	enum resolve_result result;

	if (strlen(path) != size)
		return luaL_error(lua, "expected a path without NUL bytes");
	problem = check_budget(h, size);
	if (problem) {
		lua_pushnil(lua);
		lua_pushstring(lua, problem);
		return 2;
	}
	result = resolve_path(&h->roots, path, a, &resolved);
	if (result != RESOLVE_OK)
		return push_read_problem(lua, result, path, resolved);
	bytes = read_some(h, resolved, &size, &problems);
	if (!bytes) {
		problem = arena_strdup(a, problems.lines[0].text);
		diag_clear(&problems);
		if (strncmp(problem, resolved, strlen(resolved)) == 0)
			problem += strlen(resolved);
		lua_pushnil(lua);
		lua_pushfstring(lua, "%s%s", path, problem);
		return 2;
	}
	copy = arena_memdup(a, bytes, size);
	free(bytes);
	add_input(h->recipe, beside(h, path));
	lua_pushlstring(lua, copy, size);
	return 1;
}

static int host_beside(lua_State *lua)
{
	lua_pushstring(lua, beside(host_of(lua), luaL_checkstring(lua, 1)));
	return 1;
}

static int host_note(lua_State *lua)
{
	struct buffer *notes = &host_of(lua)->recipe->notes;
	size_t size;
	const char *text = luaL_checklstring(lua, 1, &size);

	if (size >= NOTES_LIMIT_BYTES - notes->size)
		return luaL_error(lua, "print: expected at most %d bytes in all",
			(int)NOTES_LIMIT_BYTES);
	buffer_add(notes, text, size);
	buffer_add_text(notes, "\n");
	return 0;
}

/* parse_size("16M") -> bytes or nil; parse_time("2m") -> milliseconds or nil. */
static int host_parse_size(lua_State *lua)
{
	uint64_t bytes;

	if (quantity_parse_size(luaL_checkstring(lua, 1), &bytes) < 0)
		return 0;
	lua_pushinteger(lua, (lua_Integer)bytes);
	return 1;
}

static int host_parse_time(lua_State *lua)
{
	uint64_t ms;

	if (quantity_parse_time(luaL_checkstring(lua, 1), &ms) < 0)
		return 0;
	lua_pushinteger(lua, (lua_Integer)ms);
	return 1;
}

static int host_number_text(lua_State *lua)
{
	char text[32];

	if (lua_isinteger(lua, 1))
		lua_pushfstring(lua, "%I", (LUAI_UACINT)lua_tointeger(lua, 1));
	else
		lua_pushstring(lua, params_number_text(luaL_checknumber(lua, 1), text));
	return 1;
}

static void push_choices(lua_State *lua, const struct recipe_options *o)
{
	lua_createtable(lua, (int)o->choice_count, 0);
	for (size_t i = 0; i < o->choice_count; i++) {
		lua_newtable(lua);
		lua_pushstring(lua, o->choices[i].option);
		lua_setfield(lua, -2, "option");
		lua_pushstring(lua, o->choices[i].name);
		lua_setfield(lua, -2, "name");
		lua_pushstring(lua, o->choices[i].value);
		lua_setfield(lua, -2, "value");
		lua_rawseti(lua, -2, (lua_Integer)i + 1);
	}
}

/* The table that lua/recipe.lua calls `host`. */
static void push_host(lua_State *lua, struct host *h)
{
	static const luaL_Reg functions[] = {
		{"read", host_read},
		{"beside", host_beside},
		{"note", host_note},
		{"parse_size", host_parse_size},
		{"parse_time", host_parse_time},
		{"number_text", host_number_text},
		{NULL, NULL},
	};

	lua_newtable(lua);
	lua_pushlightuserdata(lua, h);
	luaL_setfuncs(lua, functions, 1);
	lua_pushstring(lua, h->path);
	lua_setfield(lua, -2, "name");
	lua_pushlstring(lua, h->source, h->source_size);
	lua_setfield(lua, -2, "source");
	lua_pushinteger(lua, (lua_Integer)MACHINE_MEMORY_MIN);
	lua_setfield(lua, -2, "memory_min");
	lua_pushinteger(lua, (lua_Integer)MACHINE_MEMORY_MAX);
	lua_setfield(lua, -2, "memory_max");
	push_choices(lua, h->options);
	lua_setfield(lua, -2, "choices");
	if (h->options->epoch >= 0) {
		lua_pushinteger(lua, (lua_Integer)h->options->epoch);
		lua_setfield(lua, -2, "epoch");
	}
}

/* The list of problems is on top; each becomes a line. */
static void report_problems(lua_State *lua, struct diag *d)
{
	size_t count = (size_t)lua_rawlen(lua, -1);

	for (size_t i = 0; i < count; i++) {
		const char *file, *text;

		lua_rawgeti(lua, -1, (lua_Integer)i + 1);
		lua_getfield(lua, -1, "file");
		lua_getfield(lua, -2, "line");
		lua_getfield(lua, -3, "text");
		file = lua_tostring(lua, -3);
		text = lua_tostring(lua, -1);
		if (file)
			diag_fail_at(d, file, (int)lua_tointeger(lua, -2), "%s", text);
		else
			diag_fail(d, "%s", text);
		lua_pop(lua, 4);
	}
}

/* The whole way through Lua, under its protection: evaluate, complain or decode. */
static int evaluate(lua_State *lua)
{
	struct host *h = lua_touserdata(lua, 1);

	sandbox_require(lua, "recipe");
	lua_getfield(lua, -1, "evaluate");
	push_host(lua, h);
	lua_call(lua, 1, 2);
	report_problems(lua, h->d);
	lua_pop(lua, 1);
	if (lua_istable(lua, -1))
		decode_plan(lua, &h->recipe->arena, &h->recipe->unit, &h->recipe->base);
	return 0;
}

static const char *folder_of(struct arena *a, const char *path)
{
	char real[PATH_MAX];
	char *slash;

	if (!realpath(path, real))
		return NULL;
	slash = strrchr(real, '/');
	slash[slash == real ? 1 : 0] = '\0';
	return arena_strdup(a, real);
}

static int run(struct host *h, struct diag *d)
{
	struct sandbox s;
	size_t before = d->count;
	int rc;

	h->d = d;
	if (sandbox_open(&s, h->path, d) < 0)
		return -1;
	rc = sandbox_call(&s, evaluate, h, d);
	sandbox_close(&s);
	return rc < 0 || d->count > before ? -1 : 0;
}

int recipe_load(struct recipe *r, const char *path, const struct recipe_options *o,
	struct diag *d)
{
	struct host h = {.recipe = r, .options = o, .path = path};
	size_t size;
	char *source;
	int rc;

	*r = (struct recipe){0};
	source = file_read(AT_FDCWD, path, RECIPE_LIMIT_BYTES, &size, d);
	if (!source)
		return -1;
	digest_of_bytes(source, size, r->sha256);
	add_input(r, arena_strdup(&r->arena, path));
	h.source = source;
	h.source_size = size;
	h.roots.folder = folder_of(&r->arena, path);
	h.roots.allowed = o->allowed;
	h.roots.allowed_count = o->allowed_count;
	rc = h.roots.folder ? run(&h, d) : diag_fail_errno(d, "%s", path);
	free(source);
	if (rc == 0 && r->unit) {
		r->unit->recipe_path = arena_strdup(&r->arena, path);
		r->unit->recipe_folder = h.roots.folder;
		rc = params_check(&r->unit->sweep, d);
	}
	return rc;
}

void recipe_clear(struct recipe *r)
{
	buffer_clear(&r->notes);
	arena_clear(&r->arena);
	*r = (struct recipe){0};
}
