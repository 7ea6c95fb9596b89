-- SPDX-License-Identifier: GPL-2.0-or-later
-- shell: commands of a recipe -> launching scripts for a POSIX shell. {name} becomes the
-- parameter's value, quoted for the place where it stands, read from the environment.

local text = require "text"

local shell = {}

-- What a {name} becomes, by what is around it. In a quoted here-document nothing can.
local expansions = {
	command = '"$WU_%s"',
	single = "'\"$WU_%s\"'",
	double = "${WU_%s}",
	document = "${WU_%s}",
	arithmetic = "${WU_%s}",
}

-- The words after which a command may stand, as after a separator.
local openers = {
	["do"] = true, ["then"] = true, ["else"] = true, ["elif"] = true, ["if"] = true,
	["while"] = true, ["until"] = true, ["!"] = true, ["{"] = true,
}

-- A walker goes through a script once, in the shell's own terms: `stack` holds what is open
-- around `at`, the innermost last, `pending` the here-documents that the line began.
local function new_walker(script, kind, value)
	return {
		script = script, at = 1, out = {}, value = value,
		stack = { { kind = kind, fresh = true } }, pending = {},
	}
end

local function emit(w, piece)
	w.out[#w.out + 1] = piece
	w.at = w.at + #piece
end

local function push(w, kind, opening, close)
	w.stack[#w.stack + 1] = { kind = kind, close = close, fresh = true }
	emit(w, opening)
end

local function pop(w, closing)
	w.stack[#w.stack] = nil
	emit(w, closing)
end

local function in_backquotes(w)
	for _, open in ipairs(w.stack) do
		if open.close == "`" then
			return true
		end
	end
	return false
end

-- Replaces the {name} at this place, if there is one and `value` gives a text for it.
local function replace(w, kind)
	local name = w.script:match("^{([%a_][%w_]*)}", w.at)
	local replaced = name and w.script:sub(w.at - 1, w.at - 1) ~= "$"
		and w.value(name, in_backquotes(w) and "backquotes" or kind)
	if not replaced then
		return false
	end
	w.out[#w.out + 1] = replaced
	w.at = w.at + #name + 2
	return true
end

-- Whether the `$((` at this place is arithmetic: its parentheses close together.
local function is_arithmetic(script, at)
	local close = script:match("^%$%b()()", at)
	return close and script:find("^%$%(%(", at) and script:sub(close - 2, close - 1) == "))"
		and script:match("^%b()()", at + 2) == close - 1
end

-- `$(…)`, `$((…))`, backquotes and backslashes, which mean the same wherever they count.
local function step_common(w)
	local c = w.script:sub(w.at, w.at)
	if c == "\\" then
		emit(w, w.script:sub(w.at, w.at + 1))
	elseif is_arithmetic(w.script, w.at) then
		push(w, "arithmetic", "$((", "))")
	elseif w.script:find("^%$%(", w.at) then
		push(w, "command", "$(", ")")
	elseif c == "`" and w.stack[#w.stack].close == "`" then
		pop(w, c)
	elseif c == "`" then
		push(w, "command", c, "`")
	else
		return false
	end
	return true
end

-- The here-document that begins at this place, and where its word ends; nil for none.
local function here_document(script, at)
	local dash, rest = script:match("^<<(%-?)[ \t]*()", at)
	if not dash then
		return nil
	end
	local _, word, stop = script:match("^(['\"])([^'\"\n]+)%1()", rest)
	local quoted = word ~= nil
	if not word then
		quoted = script:sub(rest, rest) == "\\"
		word, stop = script:match("^\\?([%w_%-%.]+)()", rest)
	end
	return word and { delimiter = word, quoted = quoted, strip_tabs = dash == "-" }, stop
end

local substitute -- bodies of here-documents need it

-- The bodies of the here-documents of the line that just ended.
local function take_documents(w)
	for _, document in ipairs(w.pending) do
		local start, done = w.at, false
		while not done and w.at <= #w.script do
			local line, next_line = w.script:match("^([^\n]*)\n?()", w.at)
			done = (document.strip_tabs and line:gsub("^\t+", "") or line) == document.delimiter
			if not done then
				w.at = next_line
			end
		end
		local body = w.script:sub(start, w.at - 1)
		w.out[#w.out + 1] = not document.quoted and substitute(body, "document", w.value) or body
		emit(w, w.script:match("^[^\n]*\n?", w.at))
	end
	w.pending = {}
end

-- Notes whether the next word may be a command, and counts `case`, whose patterns end with
-- a parenthesis that closes nothing.
local function step_word(w, open)
	local word = w.script:match("^[^%s;&|()<>\"'`$\\{}#]+", w.at) or w.script:match("^[#{}]", w.at)
	if open.fresh and word == "case" then
		open.cases = (open.cases or 0) + 1
	elseif open.fresh and word == "esac" then
		open.cases = math.max((open.cases or 0) - 1, 0)
	end
	open.fresh = open.fresh and openers[word] or false
	emit(w, word or w.script:sub(w.at, w.at))
end

local function step_separator(w, open, c)
	if c == "(" then
		push(w, "command", c, ")")
	elseif c == ")" and (open.cases or 0) > 0 then
		open.fresh = true
		emit(w, c)
	elseif c == ")" and open.close == ")" then
		pop(w, c)
	else
		open.fresh = c ~= ")"
		emit(w, c)
	end
end

local function step_redirection(w)
	local document, stop = here_document(w.script, w.at)
	if document and not w.script:find("^<<<", w.at) then
		w.pending[#w.pending + 1] = document
		emit(w, w.script:sub(w.at, stop - 1))
	else
		emit(w, w.script:match("^[<>]+", w.at))
	end
end

local steps = {}

function steps.command(w, c, open)
	if c == "'" or c == '"' then
		open.fresh = false
		push(w, c == "'" and "single" or "double", c)
	elseif c == "#" and (w.at == 1 or w.script:find("^[%s;&|()`]", w.at - 1)) then
		emit(w, w.script:match(open.close == "`" and "^[^\n`]*" or "^[^\n]*", w.at))
	elseif c == "\n" then
		open.fresh = true
		emit(w, c)
		take_documents(w)
	elseif c:find("[;&|()]") then
		step_separator(w, open, c)
	elseif c:find("[<>]") then
		step_redirection(w)
	elseif c:find("%s") then
		emit(w, c)
	elseif not step_common(w) then
		step_word(w, open)
	end
end

function steps.single(w, c)
	if c == "'" then
		pop(w, c)
	else
		emit(w, c)
	end
end

function steps.double(w, c)
	if c == '"' then
		pop(w, c)
	elseif not step_common(w) then
		emit(w, c)
	end
end

function steps.document(w, c)
	if not step_common(w) then
		emit(w, c)
	end
end

function steps.arithmetic(w, c, open)
	if c == "(" then
		open.depth = (open.depth or 0) + 1
		emit(w, c)
	elseif c == ")" and (open.depth or 0) > 0 then
		open.depth = open.depth - 1
		emit(w, c)
	elseif c == ")" then
		pop(w, "))")
	elseif not step_common(w) then
		emit(w, c)
	end
end

-- The script with its placeholders replaced, or nil and what is wrong with it.
function substitute(script, kind, value)
	local w = new_walker(script, kind, value)
	while w.at <= #script do
		local open = w.stack[#w.stack]
		if not replace(w, open.kind) then
			steps[open.kind](w, script:sub(w.at, w.at), open)
		else
			open.fresh = false
		end
	end
	for _, open in ipairs(w.stack) do
		if open.kind == "single" or open.kind == "double" then
			return nil, ("a %s quote is not closed"):format(open.kind)
		end
	end
	return table.concat(w.out)
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
	local function complain_once(name, message)
		if not complained[name] then
			complain(message)
		end
		complained[name] = true
	end
	local body, problem = substitute(source, "command", function(name, kind)
		if known[name] and kind == "backquotes" then
			complain_once(name, ("expected $(…) around {%s}, found backquotes"):format(name))
		elseif known[name] then
			return expansions[kind]:format(name)
		elseif kind == "command" or kind == "double" then
			-- Elsewhere a brace may well be awk's, sed's or a document's own.
			complain_once(name, ("expected a parameter's name in braces, found {%s}%s"):format(
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
