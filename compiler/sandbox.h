/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox: a Lua state for code from strangers: memory-capped, instruction-budgeted, with
 * a limit on CPU time behind both. Holds our own modules; lua/sandbox.lua says what a
 * recipe sees of Lua. */
#ifndef COMPILER_SANDBOX_H
#define COMPILER_SANDBOX_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "common/diag.h"

#define SANDBOX_MEMORY_BYTES ((size_t)512 << 20)
#define SANDBOX_INSTRUCTIONS ((uint64_t)1000000000)
#define SANDBOX_CPU_SECONDS 20

struct sandbox {
	lua_State *lua;
	size_t memory_used;
	uint64_t instructions;
	int exhausted; /* the budget is spent: every further instruction raises */
	struct rlimit cpu_limit; /* what holds outside the sandbox */
	const char *name;	 /* what messages call the recipe */
};

/* A state with our modules ready for `require` by our own code. 0 or -1. */
int sandbox_open(struct sandbox *s, const char *name, struct diag *d);
void sandbox_close(struct sandbox *s);

/* Runs a C function under protection, with the context as its only argument (a light
 * userdata). A Lua error becomes a line of d that starts with the recipe's place where
 * Lua knows one. 0 or -1. */
int sandbox_call(
	struct sandbox *s, lua_CFunction function, void *context, struct diag *d);

/* Leaves our module's table on the stack. Raises a Lua error where it cannot. */
void sandbox_require(lua_State *lua, const char *module);

#endif
