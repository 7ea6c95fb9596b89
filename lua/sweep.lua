-- SPDX-License-Identifier: GPL-2.0-or-later
-- sweep: sets of parameter values and their algebra. A sweep holds the names of its
-- parameters, sorted, and its rows in order: one plain table of values an instance.

local text = require "text"

local sweep = {}

local MOST_ROWS = 1000000
local name_pattern = "^[%a_][%w_]*$"

local methods = {}
local meta = { __name = "a sweep", __metatable = "sweep" }

-- What a sweep holds: out of reach for recipes, whose sweeps are empty tables.
local contents = setmetatable({}, { __mode = "k" })

function sweep.is(value)
	return contents[value] ~= nil
end

local function new(names, rows)
	local s = setmetatable({}, meta)
	contents[s] = { names = names, rows = rows }
	return s
end

-- The names, sorted, and the rows in order.
function sweep.contents(s)
	return contents[s].names, contents[s].rows
end

local function check_name(name, complain)
	if type(name) ~= "string" then
		complain({ name }, "expected name = values, found a value without a name")
		return false
	elseif not name:find(name_pattern) or #name > 64 then
		complain({ name }, "expected a parameter's name (letters, digits and _, at most 64), found "
			.. text.show(name))
		return false
	end
	return true
end

-- A value as instances carry it, or nil after a complaint.
local function check_value(value, path, complain)
	local kind = type(value)
	if kind == "number" then
		if value ~= value or value == math.huge or value == -math.huge then
			complain(path, "expected a finite number, found " .. text.show(value))
			return nil
		end
		return value
	elseif kind == "boolean" then
		return value
	elseif kind == "string" then
		if value:find("%c") then
			complain(path, "expected one line of text without control characters, found "
				.. text.show(value))
			return nil
		elseif not utf8.len(value) then
			complain(path, "expected text in UTF-8, found " .. text.show(value))
			return nil
		end
		return value
	end
	complain(path, "expected a number, a text or a boolean, found " .. text.show(value))
	return nil
end

-- A parameter's values as a list: a scalar counts as a list of one.
local function check_values(name, values, complain)
	if type(values) ~= "table" then
		local value = check_value(values, { name }, complain)
		return value ~= nil and { value } or nil
	elseif not text.is_plain(values) then
		complain({ name }, "expected a list of values, found " .. text.show(values))
		return nil
	end
	local list, good = {}, true
	for _, key in ipairs(text.keys(values)) do
		if math.type(key) ~= "integer" or key ~= #list + 1 then
			complain({ name, key }, math.type(key) == "integer"
				and ("expected a value at every place, found none at %d"):format(#list + 1)
				or "expected a plain list of values, found the key " .. text.key(key))
			return nil
		end
		local value = check_value(values[key], { name, key }, complain)
		good = good and value ~= nil
		list[key] = value == nil and 0 or value
	end
	if #list == 0 then
		complain({ name }, "expected at least one value, found an empty list")
		return nil
	end
	return good and list or nil
end

local function check_count(count, complain)
	if count > MOST_ROWS then
		complain({}, ("expected at most %d instances, found %d"):format(MOST_ROWS, count))
		return false
	end
	return true
end

local function copy_row(row)
	local copy = {}
	for name, value in next, row do
		copy[name] = value
	end
	return copy
end

local function one_empty_row()
	return new({}, { {} })
end

-- Every combination; the first name in sorted order varies slowest.
function sweep.grid(spec, complain)
	local columns, names, count = {}, {}, 1
	for _, name in ipairs(text.keys(spec)) do
		if check_name(name, complain) then
			-- A stand-in keeps the name known to what comes after the complaint.
			local values = check_values(name, spec[name], complain) or { 0 }
			names[#names + 1] = name
			columns[#columns + 1] = values
			count = count * #values
		end
	end
	if not check_count(count, complain) then
		return one_empty_row()
	end
	local rows = { {} }
	for i, values in ipairs(columns) do
		local grown = {}
		for _, row in ipairs(rows) do
			for _, value in ipairs(values) do
				local copy = copy_row(row)
				copy[names[i]] = value
				grown[#grown + 1] = copy
			end
		end
		rows = grown
	end
	return new(names, rows)
end

-- The first values together, then the second ones, and so on.
function sweep.zip(spec, complain)
	local columns, names, length, first = {}, {}, nil, nil
	for _, name in ipairs(text.keys(spec)) do
		local values = check_name(name, complain) and check_values(name, spec[name], complain)
		if values then
			length, first = length or #values, first or name
			if #values ~= length then
				complain({ name }, ("expected %d values, as %s has, found %d"):format(length, first, #values))
			else
				names[#names + 1] = name
				columns[name] = values
			end
		end
	end
	local rows = {}
	for i = 1, length or 0 do
		local row = {}
		for _, name in ipairs(names) do
			row[name] = columns[name][i]
		end
		rows[i] = row
	end
	return #rows > 0 and new(names, rows) or one_empty_row()
end

-- Sorted names of a row that was checked.
local function check_row(row, path, complain)
	if not text.is_plain(row) then
		complain(path, "expected a table of name = value, found " .. text.show(row))
		return nil
	end
	local names, good = {}, true
	for _, name in ipairs(text.keys(row)) do
		local function deeper(inner, message)
			complain({ path[1], table.unpack(inner) }, message)
		end
		good = check_name(name, deeper) and check_value(row[name], { name }, deeper) ~= nil and good
		names[#names + 1] = name
	end
	return good and names or nil
end

local function same_names(a, b)
	return table.concat(a, "\0") == table.concat(b, "\0")
end

local function list_of(names)
	return #names == 0 and "none" or table.concat(names, ", ")
end

-- The rows one by one; all must have the same names.
function sweep.list(spec, complain)
	local names, rows = nil, {}
	for _, key in ipairs(text.keys(spec)) do
		if math.type(key) ~= "integer" then
			complain({ key }, "expected a list of tables, found the key " .. text.key(key))
		else
			local row_names = check_row(spec[key], { key }, complain)
			names = names or row_names
			if row_names and not same_names(row_names, names) then
				complain({ key }, ("expected the parameters of the first row (%s), found %s"):format(
					list_of(names), list_of(row_names)))
			elseif row_names then
				rows[#rows + 1] = copy_row(spec[key])
			end
		end
	end
	if #rows == 0 then
		if next(spec) == nil then
			complain({}, "expected at least one row, found none")
		end
		return one_empty_row()
	end
	return new(names, rows)
end

-- The value that a text means: a number, a boolean, or a text.
function sweep.typed(word)
	if word:find("^[+-]?%d") or word:find("^[+-]?%.%d") then
		local number = not word:find("[xX]") and not word:find("^[+-]?0%d") and tonumber(word)
		-- "007" and what has more digits than a number keeps are names of things.
		local exact = number and (math.type(number) == "integer" or not word:find("^[+-]?%d+$"))
		return exact and number or word
	elseif word == "true" or word == "false" then
		return word == "true"
	end
	return word
end

-- The field in quotes that starts at `at`, and where it ends; nil where it is not closed.
local function quoted_field(source, at)
	local pieces, from = {}, at + 1
	while true do
		local quote = source:find('"', from, true)
		if not quote then
			return nil
		end
		pieces[#pieces + 1] = source:sub(from, quote - 1)
		from = quote + 1
		if source:sub(from, from) ~= '"' then
			return table.concat(pieces, '"'), from
		end
		from = from + 1
	end
end

-- The records of a CSV text (RFC 4180: quotes, doubled quotes, CRLF or LF), each with its line.
local function csv_records(source)
	local records, record, at, line = {}, { line = 1 }, 1, 1
	source = source:gsub("^\239\187\191", "")
	while at <= #source do
		local field, stop
		if source:sub(at, at) == '"' then
			field, stop = quoted_field(source, at)
			if not field then
				return nil, line, "expected a closing quote, found the end of the file"
			end
			record.quoted = true
		else
			stop = source:find("[,\r\n]", at) or #source + 1
			field = source:sub(at, stop - 1)
		end
		record[#record + 1] = field
		local ending = source:match("^\r?\n", stop) or source:match("^,", stop)
		if not ending and stop <= #source then
			return nil, line, "expected a comma or the end of the line after a quoted field"
		end
		local _, newlines = source:sub(at, stop):gsub("\n", "")
		at = stop + #(ending or "")
		line = line + newlines
		if ending ~= "," then
			records[#records + 1] = record
			record = { line = line }
		elseif at > #source then
			record[#record + 1] = ""
			records[#records + 1] = record
		end
	end
	return records
end

-- A table with a header line of names; numbers and booleans are told by their look.
-- complain(path, message, line of the file).
function sweep.csv(source, complain)
	local records, bad_line, problem = csv_records(source)
	if not records then
		complain({}, problem, bad_line)
		return one_empty_row()
	end
	local header = records[1] or {}
	local names, seen, rows, bad = {}, {}, {}, false
	for _, name in ipairs(header) do
		if not check_name(name, function(_, message)
			complain({}, message, 1)
		end) then
			return one_empty_row()
		elseif seen[name] then
			complain({}, "expected each name once, found " .. name .. " twice", 1)
			return one_empty_row()
		end
		seen[name] = true
		names[#names + 1] = name
	end
	for i = 2, #records do
		local record = records[i]
		local is_blank = #record == 1 and record[1] == "" and not record.quoted
		if not is_blank and #record ~= #names then
			bad = true
			complain({}, ("expected %d fields, found %d"):format(#names, #record), record.line)
		elseif not is_blank then
			local row = {}
			for k, name in ipairs(names) do
				row[name] = check_value(sweep.typed(record[k]), {}, function(_, message)
					complain({}, name .. ": " .. message, record.line)
				end)
			end
			rows[#rows + 1] = row
		end
	end
	if #rows == 0 then
		if not bad then
			complain({}, "expected a header and at least one row, found none", 1)
		end
		return one_empty_row()
	end
	text.sort(names)
	return check_count(#rows, complain) and new(names, rows) or one_empty_row()
end

-- A plain table is a grid of its own; errors rise as Lua errors, at the recipe's line.
local function operand(value, word)
	if sweep.is(value) then
		return contents[value]
	elseif text.is_plain(value) then
		return contents[sweep.grid(value, function(path, message)
			local names = {}
			for i, part in ipairs(path) do
				names[i] = tostring(part)
			end
			error(("%s: %s: %s"):format(word, table.concat(names, "."), message), 0)
		end)]
	end
	error(("%s: expected a sweep or a table of name = values, found %s"):format(
		word, text.show(value)), 0)
end

local function product(a, b)
	local mine = {}
	for _, name in ipairs(a.names) do
		mine[name] = true
	end
	local names = table.move(a.names, 1, #a.names, 1, {})
	for _, name in ipairs(b.names) do
		if mine[name] then
			error(("product: expected different parameters on both sides, found %s on both"):format(name), 0)
		end
		names[#names + 1] = name
	end
	if #a.rows * #b.rows > MOST_ROWS then
		error(("product: expected at most %d instances, found %d"):format(
			MOST_ROWS, #a.rows * #b.rows), 0)
	end
	text.sort(names)
	local rows = {}
	for _, left in ipairs(a.rows) do
		for _, right in ipairs(b.rows) do
			local row = copy_row(left)
			for name, value in next, right do
				row[name] = value
			end
			rows[#rows + 1] = row
		end
	end
	return new(names, rows)
end

local function sum(a, b)
	if not same_names(a.names, b.names) then
		error(("sum: expected the same parameters on both sides, found %s and %s"):format(
			list_of(a.names), list_of(b.names)), 0)
	end
	local rows = table.move(a.rows, 1, #a.rows, 1, {})
	table.move(b.rows, 1, #b.rows, #rows + 1, rows)
	return new(a.names, rows)
end

-- Sets the error handlers' place: `raise(message)` throws at the recipe's own line.
function sweep.install(raise)
	local function guarded(operation)
		return function(...)
			local results = table.pack(pcall(operation, ...))
			if not results[1] then
				raise(results[2])
			end
			return table.unpack(results, 2, results.n)
		end
	end
	meta.__mul = guarded(function(a, b)
		return product(operand(a, "product"), operand(b, "product"))
	end)
	meta.__add = guarded(function(a, b)
		return sum(operand(a, "sum"), operand(b, "sum"))
	end)
	meta.__index = function(_, key)
		if not methods[key] then
			raise("expected sweep:where(…), found the key " .. text.key(key))
		end
		return methods[key]
	end
	meta.__newindex = function()
		raise("a sweep cannot be changed (grid, zip, list, * and + make another)")
	end
	meta.__len = function(s)
		return #contents[s].rows
	end
	methods.where = function(s, keep)
		if not sweep.is(s) or type(keep) ~= "function" then
			raise("where: expected sweep:where(function(p) … end), found "
				.. text.show(sweep.is(s) and keep or s))
		end
		local names, rows = sweep.contents(s)
		local kept = {}
		local row_meta = { __index = function(_, key)
			raise(("where: no parameter %s%s"):format(tostring(key), text.hint(tostring(key), names)))
		end }
		for _, row in ipairs(rows) do
			if keep(setmetatable(copy_row(row), row_meta)) then
				kept[#kept + 1] = row
			end
		end
		return new(names, kept)
	end
end

-- Every instance gets the value that the word means: a text where the recipe has texts.
-- Instances that become equal are one in the end.
function sweep.set(s, name, word, complain)
	local names, rows = sweep.contents(s)
	local all_texts, changed = true, {}
	for _, row in ipairs(rows) do
		all_texts = all_texts and type(row[name]) == "string"
	end
	local value = check_value(all_texts and word or sweep.typed(word), {}, complain)
	for i, row in ipairs(rows) do
		changed[i] = copy_row(row)
		changed[i][name] = value == nil and row[name] or value
	end
	return new(names, changed)
end

-- The instances that have this value, as text or by what the word means.
function sweep.only(s, name, word)
	local names, rows = sweep.contents(s)
	local kept, value = {}, sweep.typed(word)
	for _, row in ipairs(rows) do
		if row[name] == value or row[name] == word then
			kept[#kept + 1] = row
		end
	end
	return new(names, kept)
end

-- Numbers that people would write: twelve digits hide the last bits of the arithmetic, and
-- what mathematics libraries of different machines disagree about.
local function tidy(x)
	return tonumber(("%.12g"):format(x))
end

local function need_number(value, name, raise)
	if type(value) ~= "number" or value - value ~= 0 then
		raise(("%s: expected finite numbers, found %s"):format(name, text.show(value)))
	end
end

local function need_count(n, name, raise)
	if math.type(n) ~= "integer" and not (type(n) == "number" and n == math.floor(n)) then
		raise(("%s: expected a whole number of points, found %s"):format(name, text.show(n)))
	elseif n < 1 or n > MOST_ROWS then
		raise(("%s: expected 1 to %d points, found %s"):format(name, MOST_ROWS, text.show(n)))
	end
end

-- range(first, last, step): whole steps, the last value included where a step meets it.
function sweep.range(raise, first, last, step)
	step = step == nil and 1 or step
	if first == nil or last == nil then
		raise("range: expected range(first, last[, step])")
	end
	for _, value in ipairs { first, last, step } do
		need_number(value, "range", raise)
	end
	if step == 0 or (last - first) / step < 0 then
		raise(("range: expected a step that leads from %s to %s, found %s"):format(
			tostring(first), tostring(last), tostring(step)))
	end
	local count = math.floor((last - first) / step + 1e-9) + 1
	need_count(count, "range", raise)
	local values = {}
	local whole = math.type(first) == "integer" and math.type(step) == "integer"
	for i = 0, count - 1 do
		values[#values + 1] = whole and first + i * step or tidy(first + i * step)
	end
	return values
end

-- linspace(first, last, count): evenly spaced, both ends included.
function sweep.linspace(raise, first, last, count)
	need_number(first, "linspace", raise)
	need_number(last, "linspace", raise)
	need_count(count, "linspace", raise)
	local values = {}
	for i = 0, count - 1 do
		values[i + 1] = count == 1 and first or tidy(first + (last - first) * i / (count - 1))
	end
	return values
end

-- logspace(first, last, count): from 10^first to 10^last, evenly spaced in the exponent.
function sweep.logspace(raise, first, last, count)
	local values = sweep.linspace(raise, first, last, count)
	for i, exponent in ipairs(values) do
		need_number(10.0 ^ exponent, "logspace", raise)
		values[i] = tidy(10.0 ^ exponent)
	end
	return values
end

return sweep
