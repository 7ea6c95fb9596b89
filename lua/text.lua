-- SPDX-License-Identifier: GPL-2.0-or-later
-- text: how messages name things: nearest known names, kinds of values, sorted keys.

local text = {}

-- The Levenshtein distance of two short names, with swaps of neighbours as one step.
local function distance(a, b)
	local previous2, previous = {}, {}
	for j = 0, #b do
		previous[j] = j
	end
	for i = 1, #a do
		local current = { [0] = i }
		for j = 1, #b do
			local cost = a:byte(i) == b:byte(j) and 0 or 1
			local best = math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
			if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
				best = math.min(best, previous2[j - 2] + 1)
			end
			current[j] = best
		end
		previous2, previous = previous, current
	end
	return previous[#b]
end

-- The known name that a misspelt one most likely meant, or nil.
function text.nearest(name, known)
	if #name > 64 then
		return nil
	end
	local best, best_distance
	for _, candidate in ipairs(known) do
		local d = distance(name:lower(), candidate:lower())
		if not best_distance or d < best_distance then
			best, best_distance = candidate, d
		end
	end
	if best and best_distance <= math.max(1, #name // 3) then
		return best
	end
	-- A word cut short or drawn out: "mem", "timeout".
	for _, candidate in ipairs(known) do
		local common = math.min(#name, #candidate)
		if common >= 3 and name:sub(1, common) == candidate:sub(1, common) then
			return candidate
		end
	end
	return nil
end

-- Whether a value is a table that a recipe wrote down, not one of our objects.
function text.is_plain(value)
	return type(value) == "table" and debug.getmetatable(value) == nil
end

-- " (did you mean NAME?)", or a list of the known names where none is near.
function text.hint(name, known)
	local near = text.nearest(name, known)
	if near then
		return (" (did you mean %s?)"):format(near)
	end
	if #known == 0 or #known > 20 then
		return ""
	end
	return (" (known: %s)"):format(table.concat(known, ", "))
end

function text.contains(list, name)
	for _, known in ipairs(list) do
		if known == name then
			return true
		end
	end
	return false
end

-- A value as a message shows it: short, one line, never an address. Our own objects have
-- their name in their metatable.
function text.show(value)
	local kind = type(value)
	if kind == "nil" then
		return "nothing"
	elseif kind == "string" then
		if #value > 40 then
			local length = 37
			while length > 0 and value:byte(length + 1) & 0xC0 == 0x80 do
				length = length - 1 -- not in the middle of a character
			end
			value = value:sub(1, length) .. "..."
		end
		return '"' .. value:gsub("[%c\\\"]", function(c)
			return c == "\n" and "\\n" or ("\\%d"):format(c:byte())
		end) .. '"'
	elseif kind == "number" then
		return "the number " .. (value == value and tostring(value) or "nan")
	elseif kind == "boolean" then
		return tostring(value)
	elseif text.is_plain(value) and next(value) == nil then
		return "an empty table"
	elseif kind == "table" and not text.is_plain(value) then
		return debug.getmetatable(value).__name or "a table"
	end
	return "a " .. kind
end

-- A key of a table as a message shows it.
function text.key(key)
	return math.type(key) and tostring(key) or text.show(key)
end

local kind_order = { number = 1, string = 2, boolean = 3 }

local function key_before(a, b)
	local ka, kb = kind_order[type(a)] or 4, kind_order[type(b)] or 4
	if ka ~= kb then
		return ka < kb
	elseif ka <= 2 then
		return a < b
	end
	return tostring(a) < tostring(b)
end

-- Merge sort: stable, and the same order on every run, which table.sort does not promise.
function text.sort(list, before)
	before = before or function(a, b)
		return a < b
	end
	local n = #list
	local from, to = list, {}
	local width = 1
	while width < n do
		for start = 1, n, 2 * width do
			local i, i_end = start, math.min(start + width, n + 1)
			local j, j_end = i_end, math.min(start + 2 * width, n + 1)
			for k = start, j_end - 1 do
				if i < i_end and (j >= j_end or not before(from[j], from[i])) then
					to[k], i = from[i], i + 1
				else
					to[k], j = from[j], j + 1
				end
			end
		end
		from, to = to, from
		width = 2 * width
	end
	if from ~= list then
		table.move(from, 1, n, 1, list)
	end
end

-- The keys of a table: numbers first, then texts, each sorted.
function text.keys(t)
	local keys = {}
	for key in next, t do
		keys[#keys + 1] = key
	end
	text.sort(keys, key_before)
	return keys
end

return text
