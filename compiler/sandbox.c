/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "embed.h"

#define HOOK_STEP 10000

/* The sandbox of a state lies in its extra space, for hooks and allocation. */
static struct sandbox *sandbox_of(lua_State *lua)
{
	return *(struct sandbox **)lua_getextraspace(lua);
}

static void *allocate(void *context, void *old, size_t old_size, size_t size)
{
	struct sandbox *s = context;
	void *p;

	if (!old)
		old_size = 0; /* then it is the kind of object, not a size */
	if (size == 0) {
		s->memory_used -= old_size;
		free(old);
		return NULL;
	}
	if (size > old_size && s->memory_used + (size - old_size) > SANDBOX_MEMORY_BYTES)
		return NULL;
	p = realloc(old, size);
	if (p)
		s->memory_used += size - old_size;
	return p;
}

static void count_instructions(lua_State *lua, lua_Debug *ar)
{
	struct sandbox *s = sandbox_of(lua);

	(void)ar;
	s->instructions += HOOK_STEP;
	if (s->instructions < SANDBOX_INSTRUCTIONS)
		return;
	/* From here every instruction raises, so that a pcall in the recipe gains
	 * nothing. */
	s->exhausted = 1;
	lua_sethook(lua, count_instructions, LUA_MASKCOUNT, 1);
	lua_pushliteral(lua, "too many instructions");
	lua_error(lua);
}

static int require_module(lua_State *lua)
{
	sandbox_require(lua, luaL_checkstring(lua, 1));
	return 1;
}

void sandbox_require(lua_State *lua, const char *module)
{
	const char *file = lua_pushfstring(lua, "%s.lua", module);
	const char *chunk = lua_pushfstring(lua, "=lua/%s", file);
	const char *bytes;
	size_t size;

	if (lua_getfield(lua, LUA_REGISTRYINDEX, file) == LUA_TTABLE) {
		lua_replace(lua, -3);
		lua_pop(lua, 1);
		return;
	}
	lua_pop(lua, 1);
	bytes = embed_find(file, &size);
	if (!bytes)
		luaL_error(lua, "no module %s", module);
	if (luaL_loadbufferx(lua, bytes, size, chunk, "t") != LUA_OK)
		lua_error(lua);
	lua_call(lua, 0, 1);
	lua_pushvalue(lua, -1);
	lua_setfield(lua, LUA_REGISTRYINDEX, file);
	lua_replace(lua, -3);
	lua_pop(lua, 1);
}

/* What our modules may use; recipes get what lua/sandbox.lua hands on of it. */
static int open_libraries(lua_State *lua)
{
	static const luaL_Reg libraries[] = {
		{LUA_GNAME, luaopen_base},
		{LUA_TABLIBNAME, luaopen_table},
		{LUA_STRLIBNAME, luaopen_string},
		{LUA_MATHLIBNAME, luaopen_math},
		{LUA_UTF8LIBNAME, luaopen_utf8},
		{LUA_DBLIBNAME, luaopen_debug},
	};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		luaL_requiref(lua, libraries[i].name, libraries[i].func, 1);
		lua_pop(lua, 1);
	}
	lua_pushcfunction(lua, require_module);
	lua_setglobal(lua, "require");
	return 0;
}

/* The last line of defence: patterns that take for ever inside one C function. */
static void cpu_time_is_over(int signal_number)
{
	static const char text[] = "wuc: the recipe used too much CPU time\n";

	(void)signal_number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(1);
}

/* At most so many CPU seconds from now on; was gets the limit that held before. */
static void limit_cpu(unsigned seconds, struct rlimit *was)
{
	struct rlimit limit;
	struct rusage used;
	rlim_t end;

	if (getrlimit(RLIMIT_CPU, was) < 0 || getrusage(RUSAGE_SELF, &used) < 0)
		return;
	end = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + seconds + 1;
	limit = *was;
	if (limit.rlim_cur == RLIM_INFINITY || end < limit.rlim_cur)
		limit.rlim_cur = end;
	signal(SIGXCPU, cpu_time_is_over);
	(void)setrlimit(RLIMIT_CPU, &limit);
}

int sandbox_open(struct sandbox *s, const char *name, struct diag *d)
{
	*s = (struct sandbox){.name = name};
	s->lua = lua_newstate(allocate, s);
	if (!s->lua)
		return diag_fail(d, "%s: no memory for Lua", name);
	*(struct sandbox **)lua_getextraspace(s->lua) = s;
	lua_pushcfunction(s->lua, open_libraries);
	if (lua_pcall(s->lua, 0, 0, 0) != LUA_OK) {
		sandbox_close(s);
		return diag_fail(d, "%s: no memory for Lua", name);
	}
	lua_sethook(s->lua, count_instructions, LUA_MASKCOUNT, HOOK_STEP);
	limit_cpu(SANDBOX_CPU_SECONDS, &s->cpu_limit);
	return 0;
}

void sandbox_close(struct sandbox *s)
{
	if (!s->lua)
		return;
	lua_sethook(s->lua, NULL, 0, 0);
	lua_close(s->lua);
	s->lua = NULL;
	signal(SIGXCPU, SIG_DFL);
	(void)setrlimit(RLIMIT_CPU, &s->cpu_limit);
}

/* 1 where text starts with "NAME:LINE: ", and the length of that. */
static int has_place(const char *text, const char *name, size_t *length)
{
	size_t size = strlen(name), digits;

	if (strncmp(text, name, size) != 0 || text[size] != ':')
		return 0;
	digits = strspn(text + size + 1, "0123456789");
	*length = size + 1 + digits + 2;
	return digits && strncmp(text + size + 1 + digits, ": ", 2) == 0;
}

/* 1 where text starts with some file's name and line: "data/part.lua:3: ". */
static int is_placed(const char *text)
{
	const char *colon = text + strcspn(text, ": ");
	size_t digits = colon[0] == ':' ? strspn(colon + 1, "0123456789") : 0;

	return digits && strncmp(colon + 1 + digits, ": ", 2) == 0;
}

/* Errors that Lua places in our own modules belong to the recipe's line that called them,
 * and long file names, which Lua cuts, are whole again. No Lua runs in here: the budget
 * may be spent. */
static int place_error(lua_State *lua)
{
	const char *text = lua_type(lua, 1) == LUA_TSTRING ? lua_tostring(lua, 1) : NULL;
	struct sandbox *s = sandbox_of(lua);
	lua_Debug frame, nearest = {.currentline = 0};
	size_t length;

	if (s->exhausted)
		return 1;
	for (int level = 1; lua_getstack(lua, level, &frame); level++) {
		lua_getinfo(lua, "Sl", &frame);
		if (text && frame.source[0] == '=' &&
			has_place(text, frame.short_src, &length))
			text += length;
		if (frame.source[0] != '@' || frame.currentline <= 0)
			continue;
		if (text && has_place(text, frame.short_src, &length)) {
			lua_pushfstring(lua, "%s%s", frame.source + 1,
				text + strlen(frame.short_src));
			return 1;
		}
		if (!nearest.currentline)
			nearest = frame;
	}
	if (!text)
		text = lua_pushfstring(lua, "expected an error with a text, found %s%s",
			lua_isnoneornil(lua, 1) ? "nothing" : "a ",
			lua_isnoneornil(lua, 1) ? "" : luaL_typename(lua, 1));
	if (nearest.currentline && !is_placed(text))
		lua_pushfstring(
			lua, "%s:%d: %s", nearest.source + 1, nearest.currentline, text);
	else
		lua_pushstring(lua, text);
	return 1;
}

static void report_error(struct sandbox *s, int status, struct diag *d)
{
	const char *text =
		lua_type(s->lua, -1) == LUA_TSTRING ? lua_tostring(s->lua, -1) : "";

	if (status == LUA_ERRMEM)
		diag_fail_at(d, s->name, 0,
			"the recipe needs more than %zu MiB of memory",
			SANDBOX_MEMORY_BYTES >> 20);
	else if (s->exhausted)
		diag_fail_at(d, s->name, 0,
			"the recipe ran for more than %" PRIu64 " instructions",
			SANDBOX_INSTRUCTIONS);
	else if (is_placed(text))
		diag_fail_text(d, text);
	else
		diag_fail_at(d, s->name, 0, "%s", text);
}

int sandbox_call(struct sandbox *s, lua_CFunction function, void *context, struct diag *d)
{
	int status;

	lua_pushcfunction(s->lua, place_error);
	lua_pushcfunction(s->lua, function);
	lua_pushlightuserdata(s->lua, context);
	status = lua_pcall(s->lua, 1, 0, -3);
	if (status != LUA_OK)
		report_error(s, status, d);
	lua_settop(s->lua, 0);
	return status == LUA_OK ? 0 : -1;
}
