-- SPDX-License-Identifier: GPL-2.0-or-later
-- command: what a unit runs, said as command or commands -> its launching scripts.

local shell = require "shell"
local text = require "text"

local command = {}

-- The words of an argv as texts, or nil after a complaint.
local function read_words(value, number_text, complain)
	local words, good = {}, true
	for _, key in ipairs(text.keys(value)) do
		local word = value[key]
		if key ~= #words + 1 then
			complain({ key }, "expected a plain list of words, found the key " .. text.key(key))
			return nil
		end
		if type(word) == "number" and word - word == 0 then
			word = number_text(word)
		elseif type(word) ~= "string" or word:find("%z") then
			complain({ key }, "expected a text or a number, found " .. text.show(word))
			good = false
		end
		words[key] = word
	end
	if words[1] == "" then
		complain({ 1 }, 'expected a program, found ""')
		return nil
	end
	return good and words or nil
end

-- One command -> the text of its script, or nil after a complaint.
local function read_one(value, names, number_text, complain)
	if type(value) == "string" and value:find("%S") and not value:find("%z") then
		return shell.script(value, names, function(message)
			complain({}, message)
		end)
	elseif text.is_plain(value) and next(value) ~= nil then
		local words = read_words(value, number_text, complain)
		return words and shell.argv(words, names, function(message, i)
			complain({ i }, message)
		end)
	end
	complain({}, "expected a script or a list of words, found " .. text.show(value))
	return nil
end

local function any(value)
	return value
end

-- r: the reader of a unit; names: its parameters; number_text(n): a number as text. Where
-- the command is not needed, the base may bring one.
function command.read(r, names, number_text, needed)
	local one = r:get("command", "", any)
	local several = r:get("commands", "", any)
	local scripts = {}
	local function add(name, path, value)
		local body = read_one(value, names, number_text, function(inner, message)
			r.complain(table.move(inner, 1, #inner, #path + 1, table.move(path, 1, #path, 1, {})), message)
		end)
		scripts[#scripts + 1] = { name = name, text = body }
	end
	if one ~= nil and several ~= nil then
		r.complain({ "commands" }, "expected command or commands, found both")
	elseif one ~= nil then
		add("10-main", { "command" }, one)
	elseif text.is_plain(several) and next(several) ~= nil then
		local digits = #tostring(#several * 10)
		for i, key in ipairs(text.keys(several)) do
			if key ~= i then
				r.complain({ "commands", key }, "expected a plain list of commands, found the key " .. text.key(key))
				break
			end
			add(("%0" .. digits .. "d-step"):format(i * 10), { "commands", i }, several[i])
		end
	elseif several ~= nil then
		r.complain({ "commands" }, "expected a list of commands, found " .. text.show(several))
	elseif needed then
		r.complain({}, "expected a command, found nothing (command = \"…\")")
	end
	return scripts
end

return command
