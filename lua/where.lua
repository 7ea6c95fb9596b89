-- SPDX-License-Identifier: GPL-2.0-or-later
-- where: the line on which a field of a table constructor stands. Lua keeps the line of a
-- call, not of the fields inside it, so this reads the source again, lightly: tokens and
-- brackets only. What it cannot find keeps the line of the nearest thing around it.

local where = {}

local closers = { ["{"] = "}", ["("] = ")", ["["] = "]" }

-- The end of a string or comment with long brackets that starts at `at`, or nil.
local function long_bracket_end(source, at)
	local level = source:match("^%[(=*)%[", at)
	if not level then
		return nil
	end
	local _, stop = source:find("]" .. level .. "]", at, true)
	return stop or #source
end

local function quoted_end(source, at)
	local quote = source:sub(at, at)
	local i = at + 1
	while i <= #source do
		local c = source:sub(i, i)
		if c == "\\" then
			i = i + 1
		elseif c == quote or c == "\n" then
			return i
		end
		i = i + 1
	end
	return #source
end

-- The source as a list of { text, line }; comments and white space are left out.
local function tokens_of(source)
	local tokens, line, at, _ = {}, 1, 1, nil
	while at <= #source do
		local stop
		local start = at
		local kept = true
		if source:find("^%s", at) then
			_, stop = source:find("^%s+", at)
			kept = false
		elseif source:find("^%-%-", at) then
			stop = long_bracket_end(source, at + 2) or (source:find("\n", at, true) or #source + 1) - 1
			kept = false
		elseif source:find("^[\"']", at) then
			stop = quoted_end(source, at)
		elseif source:find("^%[=*%[", at) then
			stop = long_bracket_end(source, at)
		elseif source:find("^[%a_]", at) then
			_, stop = source:find("^[%w_]+", at)
		elseif source:find("^%.?%d", at) then
			_, stop = source:find("^[%w%.]+", at)
		else
			stop = at
		end
		local text = source:sub(start, stop)
		if kept then
			tokens[#tokens + 1] = { text = text, line = line }
		end
		local _, newlines = text:gsub("\n", "")
		line = line + newlines
		at = stop + 1
	end
	return tokens
end

-- The index of the bracket that closes the one at i.
local function matching(tokens, i)
	local open, close, depth = tokens[i].text, closers[tokens[i].text], 0
	while tokens[i] do
		if tokens[i].text == open then
			depth = depth + 1
		elseif tokens[i].text == close then
			depth = depth - 1
			if depth == 0 then
				return i
			end
		end
		i = i + 1
	end
	return #tokens
end

local function key_at(tokens, i)
	local a, b, c, d = tokens[i], tokens[i + 1], tokens[i + 2], tokens[i + 3]
	if a and b and a.text:find("^[%a_]") and b.text == "=" and not (c and c.text == "=") then
		return a.text, i + 2
	elseif a and a.text == "[" and c and c.text == "]" and d and d.text == "=" then
		local quoted = b.text:match("^[\"'](.*)[\"']$")
		return quoted or tonumber(b.text), i + 4
	end
	return nil, i
end

-- Calls each(key, line, first token of the value) for the fields of the table at i.
local function each_field(tokens, i, each)
	local stop = matching(tokens, i)
	local position = 0
	i = i + 1
	while i < stop do
		local line = tokens[i].line
		local key, value = key_at(tokens, i)
		if not key then
			position = position + 1
			key = position
		end
		each(key, line, value)
		i = value
		while i < stop and tokens[i].text ~= "," and tokens[i].text ~= ";" do
			i = closers[tokens[i].text] and matching(tokens, i) + 1 or i + 1
		end
		i = i + 1
	end
end

-- The table constructor in the value that starts at i, or nil: `{`, `name {`, `name({`.
local function table_at(tokens, i)
	for k = i, math.min(i + 4, #tokens) do
		if tokens[k].text == "{" then
			return k
		elseif tokens[k].text == "," or tokens[k].text == "}" then
			return nil
		end
	end
	return nil
end

-- The line of the field at `path` (names and positions) inside the table constructor that
-- stands at or after `line`. The second result says whether all of the path was found.
function where.line(source, line, path)
	local tokens = tokens_of(source)
	local at
	for i, token in ipairs(tokens) do
		if token.text == "{" and token.line >= line then
			at = i
			break
		end
	end
	for depth, name in ipairs(path) do
		local found_line, found_value
		if at then
			each_field(tokens, at, function(key, key_line, value)
				if key == name then
					found_line, found_value = key_line, value
				end
			end)
		end
		if not found_line then
			return line, false
		end
		line = found_line
		at = depth < #path and table_at(tokens, found_value) or nil
	end
	return line, true
end

-- The line of the last call of `name` in the source, or nil.
function where.call(source, name)
	local tokens, line = tokens_of(source), nil
	for i, token in ipairs(tokens) do
		local after = tokens[i + 1]
		if token.text == name and after and after.text:find("^[{(\"'%[]") then
			line = token.line
		end
	end
	return line
end

return where
