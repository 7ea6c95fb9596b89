-- SPDX-License-Identifier: GPL-2.0-or-later
-- shell: commands of a recipe -> launching scripts for a POSIX shell. {name} becomes the
-- parameter's value, quoted for the place where it stands, read from the environment.

local text = require "text"

local shell = {}

-- What a {name} becomes, by the quotes around it.
local expansions = {
	plain = '"$WU_%s"',
	double = "${WU_%s}",
	single = "'\"$WU_%s\"'",
	document = "${WU_%s}",
}

local function is_blank_before(script, at)
	return at == 1 or script:find("^[%s;&|()]", at - 1)
end

-- The here-documents that begin on this line: { delimiter, quoted, strip_tabs }.
local function here_document(script, at)
	local dash, rest = script:match("^<<(%-?)[ \t]*()", at)
	if not dash or script:sub(at, at + 2) == "<<<" then
		return nil
	end
	local quote, word, stop = script:match("^(['\"])([^'\"\n]+)%1()", rest)
	if not word then
		word, stop = script:match("^\\?([%w_%-%.]+)()", rest)
		quote = script:sub(rest, rest) == "\\"
	end
	if not word then
		return nil
	end
	return { delimiter = word, quoted = quote and true or false, strip_tabs = dash == "-" }, stop
end

-- Whether `<<` at this place is a shift in $((…)) and no here-document.
local function is_shift(script, at)
	local line = script:sub(1, at - 1):match("[^\n]*$")
	return line:find("((", 1, true) and not line:match("%(%(.*%)%)")
end

-- Walks a script once, in the shell's own terms, and replaces {name}. `value` gives the
-- text for a name and a context, or nil to leave it as it is.
local function substitute(script, value)
	local out, state, pending, at = {}, "plain", {}, 1
	local outer = {} -- the states around each open parenthesis
	local function emit(piece)
		out[#out + 1] = piece
		at = at + #piece
	end
	local function placeholder()
		local name = script:match("^{([%a_][%w_]*)}", at)
		local replaced = name and script:sub(at - 1, at - 1) ~= "$" and value(name, state)
		if replaced then
			out[#out + 1] = replaced
			at = at + #name + 2
			return true
		end
		return false
	end
	local function document_bodies()
		for _, document in ipairs(pending) do
			state = document.quoted and "quoted" or "document"
			local done = false
			while not done and at <= #script do
				local line_end = script:find("\n", at, true) or #script + 1
				local line = script:sub(at, line_end - 1)
				done = (document.strip_tabs and line:gsub("^\t+", "") or line) == document.delimiter
				while at < line_end do
					if done or not (script:find("^{", at) and placeholder()) then
						emit(script:sub(at, at))
					end
				end
				emit(script:sub(at, at))
			end
		end
		pending, state = {}, "plain"
	end
	while at <= #script do
		local c = script:sub(at, at)
		if c == "{" and placeholder() then
			goto continue
		end
		if state == "single" then
			if c == "'" then
				state = "plain"
			end
			emit(c)
		elseif c == "\\" then
			emit(script:sub(at, at + 1))
		elseif script:find("^%$%(", at) then
			outer[#outer + 1] = state
			state = "plain"
			emit("$(")
		elseif state == "double" then
			if c == '"' then
				state = "plain"
			end
			emit(c)
		elseif c == "'" or c == '"' then
			state = c == "'" and "single" or "double"
			emit(c)
		elseif c == "#" and is_blank_before(script, at) then
			emit(script:match("^[^\n]*", at))
		elseif c == "(" then
			outer[#outer + 1] = state
			emit(c)
		elseif c == ")" then
			state = table.remove(outer) or state
			emit(c)
		elseif c == "<" and script:find("^<<", at) and not is_shift(script, at) then
			local document, stop = here_document(script, at)
			if document then
				pending[#pending + 1] = document
				emit(script:sub(at, stop - 1))
			else
				emit(script:match("^<+", at))
			end
		elseif c == "\n" then
			emit(c)
			document_bodies()
		else
			emit(c)
		end
		::continue::
	end
	if state == "single" or state == "double" then
		return nil, ("a %s quote is not closed"):format(state)
	end
	return table.concat(out)
end

-- A text as one word for the shell.
function shell.quote(word)
	if word:find("^[%w_%-%./=:,@%%+]+$") then
		return word
	end
	return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- A script with its placeholders filled. `names` are the parameters' names; complain(text)
-- is called for each problem.
function shell.script(source, names, complain)
	local known = {}
	for _, name in ipairs(names) do
		known[name] = true
	end
	local complained = {}
	local body, problem = substitute(source, function(name, state)
		if known[name] and expansions[state] then
			return expansions[state]:format(name)
		end
		-- Inside single quotes a brace may well be awk's or sed's own.
		if not known[name] and (state == "plain" or state == "double") and not complained[name] then
			complained[name] = true
			complain(("expected a parameter's name in braces, found {%s}%s"):format(
				name, text.hint(name, names)))
		end
		return nil
	end)
	if problem then
		complain(("expected a shell script, but %s"):format(problem))
		return nil
	end
	if not body:find("\n$") then
		body = body .. "\n"
	end
	return "#!/bin/sh\nset -e\n" .. body
end

-- An argv as a script that only replaces itself by the program.
function shell.argv(words, names, complain)
	local known = {}
	for _, name in ipairs(names) do
		known[name] = true
	end
	local out = {}
	for i, word in ipairs(words) do
		local pieces, at = {}, 1
		for start, name, stop in word:gmatch("(){([%a_][%w_]*)}()") do
			if known[name] then
				if start > at then
					pieces[#pieces + 1] = shell.quote(word:sub(at, start - 1))
				end
				pieces[#pieces + 1] = ('"$WU_%s"'):format(name)
				at = stop
			else
				complain(("expected a parameter's name in braces, found {%s}%s"):format(
					name, text.hint(name, names)), i)
			end
		end
		if at <= #word or #pieces == 0 then
			pieces[#pieces + 1] = shell.quote(word:sub(at))
		end
		out[i] = table.concat(pieces)
	end
	return "#!/bin/sh\nexec " .. table.concat(out, " ") .. "\n"
end

return shell
