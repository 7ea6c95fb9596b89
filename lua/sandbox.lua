-- SPDX-License-Identifier: GPL-2.0-or-later
-- sandbox: the names that a recipe sees. An allow-list: what is not here does not exist for
-- a recipe, and nothing here reaches the host, the clock, or an address in memory.

local text = require "text"

local sandbox = {}

local function copy(library, names)
	local out = {}
	for name in names:gmatch("%S+") do
		out[name] = library[name]
	end
	return out
end

-- tostring without addresses.
local function plain_tostring(value)
	local kind = type(value)
	if kind == "table" or kind == "function" or kind == "userdata" or kind == "thread" then
		return kind
	end
	return tostring(value)
end

-- string.format without addresses: no %p, and %s of a table is the word "table".
local format = string.format

local function plain_format(pattern, ...)
	if type(pattern) ~= "string" then
		error("string.format: expected a text, found " .. text.show(pattern), 2)
	elseif pattern:gsub("%%%%", ""):find("%%[^%a]*p") then
		error("string.format: %p shows addresses, which differ from run to run", 2)
	end
	local values = table.pack(...)
	for i = 1, values.n do
		if type(values[i]) == "table" or type(values[i]) == "function" then
			values[i] = plain_tostring(values[i])
		end
	end
	local formatted = format(pattern, table.unpack(values, 1, values.n))
	return formatted
end

local function sorted_pairs(t)
	if type(t) ~= "table" then
		error("pairs: expected a table, found " .. text.show(t), 2)
	end
	for key in next, t do
		-- These could only be sorted by their addresses, which differ from run to run.
		if type(key) == "table" or type(key) == "function" then
			error("pairs: expected keys that have an order, found " .. text.show(key), 2)
		end
	end
	local keys, i = text.keys(t), 0
	return function()
		i = i + 1
		local key = keys[i]
		if key ~= nil then
			return key, t[key]
		end
	end
end

local function stable_sort(list, before)
	if type(list) ~= "table" then
		error("table.sort: expected a table, found " .. text.show(list), 2)
	end
	text.sort(list, before)
end

local function seed_random(seed)
	if math.type(seed) ~= "integer" then
		error("math.randomseed: expected a whole number, found " .. text.show(seed), 2)
	end
	math.randomseed(seed)
end

-- A fresh table of globals. `words` are the recipe language's own; `note(line)` takes what
-- print prints.
function sandbox.environment(words, note)
	local env = copy(_G, "assert error ipairs pcall rawequal rawlen select tonumber type")
	env.tostring = plain_tostring
	env.pairs = sorted_pairs
	env.print = function(...)
		local values = table.pack(...)
		for i = 1, values.n do
			values[i] = plain_tostring(values[i])
		end
		note(table.concat(values, "\t"))
	end
	env.string = copy(string, [[byte char find gmatch gsub len lower match pack packsize rep
		reverse sub unpack upper]])
	env.string.format = plain_format
	env.table = copy(table, "concat insert move pack remove unpack")
	env.table.sort = stable_sort
	env.math = copy(math, [[abs acos asin atan ceil cos deg exp floor fmod huge log max
		maxinteger min mininteger modf pi rad random sin sqrt tan tointeger type ult]])
	env.math.randomseed = seed_random
	env.utf8 = copy(utf8, "char charpattern codepoint codes len offset")
	for name, value in next, words do
		env[name] = value
	end
	-- A copy of its own: what a recipe does to its `string` must not reach our methods.
	getmetatable("").__index = copy(env.string, [[byte char find format gmatch gsub len
		lower match pack packsize rep reverse sub unpack upper]])
	return setmetatable(env, {
		__index = function(_, name)
			local known = {}
			for key in next, env do
				known[#known + 1] = key
			end
			text.sort(known)
			local near = text.nearest(tostring(name), known)
			error(("undefined name %s%s"):format(plain_tostring(name),
				near and (" (did you mean %s?)"):format(near) or ""), 2)
		end,
		__metatable = "environment",
	})
end

return sandbox
