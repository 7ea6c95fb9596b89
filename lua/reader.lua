-- SPDX-License-Identifier: GPL-2.0-or-later
-- reader: takes a table of a recipe field by field. Each field is converted or complained
-- about; what nobody asked for is an unknown name, answered with the nearest known one.

local text = require "text"

local reader = {}
local methods = {}
local meta = { __index = methods }

-- complain(path, message) gets the field's path below this table, as a list.
function reader.new(raw, complain)
	return setmetatable({ raw = raw, complain = complain, known = {}, order = {} }, meta)
end

-- The field as convert gives it. convert(value) returns nil and perhaps a better word for
-- what was expected where it does not like the value.
function methods.get(r, key, expected, convert, default)
	if not r.known[key] then
		r.known[key] = true
		if type(key) == "string" then
			r.order[#r.order + 1] = key
		end
	end
	local value = r.raw[key]
	if value == nil then
		return default
	end
	local converted, better = convert(value)
	if converted == nil then
		r.complain({ key }, ("expected %s, found %s"):format(better or expected, text.show(value)))
		return default
	end
	return converted
end

local function one_line(value)
	if type(value) == "string" and not value:find("[%z\1-\31\127]") and utf8.len(value) then
		return value
	end
	return nil
end

function methods.text(r, key, default)
	return r:get(key, "a line of text", one_line, default)
end

-- A text that matches a pattern from end to end; expected says it in words.
function methods.match(r, key, pattern, expected, default)
	return r:get(key, expected, function(value)
		return one_line(value) and value:find("^" .. pattern .. "$") and value or nil
	end, default)
end

function methods.whole(r, key, least, most, default)
	return r:get(key, ("a whole number from %d to %d"):format(least, most), function(value)
		local n = type(value) == "number" and math.tointeger(value)
		return n and n >= least and n <= most and n or nil
	end, default)
end

function methods.choice(r, key, names, default)
	local shown = {}
	for i, name in ipairs(names) do
		shown[i] = tostring(name)
	end
	return r:get(key, table.concat(shown, " or "), function(value)
		for _, name in ipairs(names) do
			if value == name then
				return name
			end
		end
		return nil
	end, default)
end

-- A list of texts; one text counts as a list of one.
function methods.texts(r, key, default)
	local value = r.raw[key]
	local list = value == nil and default or {}
	r:get(key, "a text or a list of texts", function(v)
		return (one_line(v) or text.is_plain(v)) and true or nil
	end)
	if type(value) == "string" then
		return { one_line(value) }
	elseif text.is_plain(value) then
		for _, i in ipairs(text.keys(value)) do
			if math.type(i) ~= "integer" then
				r.complain({ key, i }, "expected a plain list, found the key " .. text.key(i))
			elseif one_line(value[i]) then
				list[#list + 1] = value[i]
			else
				r.complain({ key, i }, "expected a line of text, found " .. text.show(value[i]))
			end
		end
	end
	return list
end

-- The nested table at key as a reader of its own; an empty one where there is none.
function methods.table(r, key)
	local raw = r:get(key, "a table", function(value)
		return text.is_plain(value) and value or nil
	end, {})
	return reader.new(raw, function(path, message)
		r.complain({ key, table.unpack(path) }, message)
	end)
end

-- Complains about everything that was not asked for.
function methods.finish(r)
	for _, key in ipairs(text.keys(r.raw)) do
		if not r.known[key] then
			if type(key) == "string" then
				r.complain({ key }, "unknown name" .. text.hint(key, r.order))
			else
				r.complain({ key }, "expected name = value, found " .. text.show(r.raw[key]))
			end
		end
	end
end

return reader
