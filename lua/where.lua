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

-- Notes for each opening bracket which one closes it: the last token where none does.
local function close_brackets(tokens)
	local open = {}
	for i, token in ipairs(tokens) do
		if closers[token.text] then
			open[#open + 1] = i
		elseif #open > 0 and closers[tokens[open[#open]].text] == token.text then
			tokens.closing[table.remove(open)] = i
		end
	end
	for _, i in ipairs(open) do
		tokens.closing[i] = #tokens
	end
end

-- The source as a list of { text, line }; comments and white space are left out. With it
-- go the first token of each line, the closing of each bracket, and room for what
-- fields_of finds.
function where.tokens(source)
	local tokens, line, at, _ = { first = {}, closing = {}, fields = {} }, 1, 1, nil
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
			tokens.first[line] = tokens.first[line] or #tokens
		end
		local _, newlines = text:gsub("\n", "")
		line = line + newlines
		at = stop + 1
	end
	close_brackets(tokens)
	tokens.lines = line
	return tokens
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

-- The fields of the table at i: key -> { line, first token of the value }.
local function fields_of(tokens, i)
	if tokens.fields[i] then
		return tokens.fields[i]
	end
	local fields, position, stop = {}, 0, tokens.closing[i]
	tokens.fields[i] = fields
	i = i + 1
	while i < stop do
		local line = tokens[i].line
		local key, value = key_at(tokens, i)
		if not key then
			position = position + 1
			key = position
		end
		fields[key] = { line = line, value = value }
		i = value
		while i < stop and tokens[i].text ~= "," and tokens[i].text ~= ";" do
			i = (tokens.closing[i] or i) + 1
		end
		i = i + 1
	end
	return fields
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

-- The table that a call of `word` on this line is given: its `{`, or nil.
local function table_of_call(tokens, line, word)
	local start, first = line, nil
	while start <= tokens.lines and not tokens.first[start] do
		start = start + 1
	end
	for i = tokens.first[start] or #tokens + 1, #tokens do
		if first and tokens[i].line > line then
			break
		elseif tokens[i].text == "{" then
			local before = tokens[i - 1] and tokens[i - 1].text == "(" and i - 2 or i - 1
			if tokens[before] and tokens[before].text == word then
				return i
			end
			first = first or i
		end
	end
	return first
end

-- The line of the field at `path` (names and positions) inside the table that the call of
-- `word` at `line` is given; of what is around it where the path leads nowhere.
function where.line(tokens, line, word, path)
	local at = table_of_call(tokens, line, word)
	for depth, name in ipairs(path) do
		local field = at and fields_of(tokens, at)[name]
		if not field then
			return line
		end
		line = field.line
		at = depth < #path and table_at(tokens, field.value) or nil
	end
	return line
end

-- The line of the last call of `name`, or nil.
function where.call(tokens, name)
	local line
	for i, token in ipairs(tokens) do
		local after = tokens[i + 1]
		if token.text == name and after and after.text:find("^[{(\"'%[]") then
			line = token.line
		end
	end
	return line
end

return where
