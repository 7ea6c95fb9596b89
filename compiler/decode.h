/* SPDX-License-Identifier: GPL-2.0-or-later */
/* decode: the checked tables of lua/recipe.lua -> struct plan. Runs under Lua's
 * protection and so allocates from the arena alone. */
#ifndef COMPILER_DECODE_H
#define COMPILER_DECODE_H

#include <lua.h>

#include "common/memory.h"
#include "plan.h"

/* Reads the plan on top of the stack, which stays there. Exactly one of *unit and *base
 * is set. Raises a Lua error only for want of memory. */
void decode_plan(
	lua_State *lua, struct arena *a, struct plan **unit, struct base_plan **base);

#endif
