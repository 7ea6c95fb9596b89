-- SPDX-License-Identifier: GPL-2.0-or-later
-- recipe: runs a recipe and turns what it returns into plain tables that hold every default,
-- for the compiler to decode. All mistakes of a recipe are collected, each with its place.

local base = require "base"
local command = require "command"
local reader = require "reader"
local sandbox = require "sandbox"
local section = require "section"
local sweep = require "sweep"
local text = require "text"
local where = require "where"

local recipe = {}

local DEFAULT_EPOCH = 946684800 -- 2000-01-01: late enough for every archive format
local MOST_PROBLEMS = 100
local name_pattern = "[%w][%w%._%-]*"

-- What one run of a recipe knows: the host's functions, the sources read, tags, complaints.
local function new_context(host)
	math.randomseed(0) -- the same numbers on every run
	return {
		host = host,
		sources = {},  -- file -> its text
		tokens = {},   -- file -> what where.tokens makes of it, once needed
		running = {},  -- the files at work, the innermost last
		tags = setmetatable({}, { __mode = "k" }),
		problems = {},
		left_out = 0,  -- how many more problems there were
	}
end

local function tokens_of(context, file)
	if not context.tokens[file] then
		context.tokens[file] = where.tokens(context.sources[file] or "")
	end
	return context.tokens[file]
end

-- The place of the nearest caller that is recipe and not ours. `return word { … }` is a
-- tail call, which leaves no trace of its caller: then the source says where `word` stands.
local function calling_place(context, word)
	local innermost = context.running[#context.running]
	for level = 2, 40 do
		local info = debug.getinfo(level, "Slt")
		if not info then
			break
		elseif info.source:sub(1, 1) == "@" and info.currentline > 0 then
			return info.source:sub(2), info.currentline
		elseif info.istailcall and word then
			local line = where.call(tokens_of(context, innermost), word)
			if line then
				return innermost, line
			end
		end
	end
	return innermost, 0
end

local function path_text(path)
	local out = ""
	for _, part in ipairs(path) do
		if math.type(part) == "integer" then
			out = out .. ("[%d]"):format(part)
		elseif type(part) == "string" and part:find("^[%a_][%w_]*$") then
			out = out .. (out ~= "" and "." or "") .. part
		else
			out = out .. "[" .. text.show(part) .. "]"
		end
	end
	return out
end

-- Beyond MOST_PROBLEMS they are only counted: nobody reads them, and a sweep may have a
-- million rows.
local function add_problem(context, file, line, path, message)
	if #context.problems >= MOST_PROBLEMS then
		context.left_out = context.left_out + 1
		return
	end
	local field = path_text(path)
	context.problems[#context.problems + 1] = {
		file = file, line = line,
		text = field ~= "" and field .. ": " .. message or message,
	}
end

-- The line of a field: inside the constructor that holds it, or of the constructor.
local function line_of(context, tag, path)
	return where.line(tokens_of(context, tag.file), tag.line, tag.kind, path)
end

local function slice(list, from)
	return table.move(list, from, #list, 1, {})
end

-- complain(path, message, inner): paths are below the constructor `tag`; `inner` is the tag
-- of a constructor at the path's start, which has a better place to look from.
local function complainer(context, tag, prefix)
	return function(path, message, inner)
		if #context.problems >= MOST_PROBLEMS then
			return add_problem(context)
		end
		local full = table.move(path, 1, #path, #prefix + 1, table.move(prefix, 1, #prefix, 1, {}))
		if not inner then
			add_problem(context, tag.file, line_of(context, tag, full), full, message)
		elseif #path > 1 then
			add_problem(context, inner.file, line_of(context, inner, slice(path, 2)), full, message)
		else
			add_problem(context, inner.file, inner.line, full, message)
		end
	end
end

local function tag_of(context, value)
	return type(value) == "table" and context.tags[value] or nil
end

-- What section.read() asks for; `prefix` is the path of the list below the constructor.
local function section_context(context, tag, prefix, packages)
	return {
		packages = packages,
		tag = function(value)
			return tag_of(context, value)
		end,
		place = function(path, inner)
			local full = table.move(path, 1, #path, #prefix + 1, slice(prefix, 1))
			local line = inner and inner.line or line_of(context, tag, full)
			return { file = inner and inner.file or tag.file, line = line, field = path_text(full) }
		end,
	}
end

-- The files of one field of unit{} or base{}.
local function read_section(context, tag, field, packages)
	local raw = tag.raw[field]
	if raw == nil then
		return {}
	end
	return section.read(raw, section_context(context, tag, { field }, packages),
		complainer(context, tag, { field }))
end

local function any(value)
	return value
end

local function size_reader(context)
	return function(value)
		return type(value) == "string" and context.host.parse_size(value) or nil
	end
end

local function time_reader(context)
	return function(value)
		if type(value) == "number" then
			value = context.host.number_text(value)
		end
		return type(value) == "string" and context.host.parse_time(value) or nil
	end
end

local function read_machine(context, r)
	local m = r:table("machine")
	local size_words = 'a size such as "128M"'
	local machine = {
		cpus = m:whole("cpus", 1, 255, 1),
		memory = m:get("memory", size_words, size_reader(context), 256 << 20),
		time_ms = m:get("time", 'a time such as "90s", "2m" or "1h30m"', time_reader(context), 0),
		network = m:choice("network", { "none", "user" }, "none"),
		user = m:choice("user", { "user", "root" }, "base"),
	}
	if machine.memory < context.host.memory_min then
		m.complain({ "memory" }, "expected at least 96M, found " .. text.show(m.raw.memory))
	elseif machine.memory > context.host.memory_max then
		m.complain({ "memory" }, "expected at most 16T, found " .. text.show(m.raw.memory))
	end
	m:finish()
	return machine
end

local function read_output(context, r)
	local o = r:table("output")
	local output = {
		size = o:get("size", 'a size such as "16M"', size_reader(context), 64 << 20),
		metrics = o:get("metrics", "a path below /output", function(value)
			if type(value) ~= "string" or value == "" or value:find("^/") or value:find("%c")
				or ("/" .. value .. "/"):find("/%.?%.?/") then
				return nil
			end
			return value
		end),
	}
	if output.size < 1 << 20 or output.size > 1 << 43 then
		o.complain({ "size" }, "expected a size from 1M to 8T, found " .. text.show(o.raw.size))
	end
	o:finish()
	return output
end

-- params: nothing, a plain table, or a sweep.
local function read_params(context, tag, r)
	local raw = r:get("params", "a table or a sweep (grid, zip, list, csv, * or +)", function(value)
		return (sweep.is(value) or text.is_plain(value)) and value or nil
	end)
	if raw == nil then
		return sweep.list({ {} }, any)
	elseif sweep.is(raw) then
		return raw
	end
	local complain = complainer(context, tag, { "params" })
	local row = {}
	for _, name in ipairs(text.keys(raw)) do
		row[name] = raw[name]
		if text.is_plain(raw[name]) then
			complain({ name }, "expected one value, found a list (params = grid { … } makes a sweep)")
			row[name] = 0 -- a stand-in keeps the name known
		end
	end
	return sweep.list({ row }, function(path, message)
		complain(slice(path, 2), message)
	end)
end

-- --set and --only, which name parameters from the command line.
local function apply_choices(context, s)
	for _, choice in ipairs(context.host.choices) do
		local names, known = sweep.contents(s), false
		for _, name in ipairs(names) do
			known = known or name == choice.name
		end
		local function complain(message)
			add_problem(context, nil, 0, {}, ("--%s %s%s"):format(choice.option, choice.name, message))
		end
		if not known then
			complain(": no such parameter" .. text.hint(choice.name, names))
		elseif choice.option == "set" then
			s = sweep.set(s, choice.name, choice.value, function(_, message)
				complain(": " .. message)
			end)
		else
			s = sweep.only(s, choice.name, choice.value)
			if #s == 0 then
				complain(("=%s: no instance has this value"):format(choice.value))
			end
		end
	end
	return s
end

local read_base -- read_base_reference needs it

-- What a unit or a base calls the base that it stands on; nil where it says nothing.
local function read_base_reference(context, tag, r, field)
	local value = r:get(field, "a base's name, a path or base { … }", function(v)
		local inner = tag_of(context, v)
		local good = type(v) == "string" and v ~= "" or inner and base.is_kind(inner.kind)
		return good and v or nil
	end)
	local place = { file = tag.file, line = line_of(context, tag, { field }), field = field }
	if value == nil then
		return nil
	elseif type(value) == "table" then
		return { kind = "inline", plan = read_base(context, tag_of(context, value)), place = place }
	elseif value:find("/") or value:find("%.lua$") then
		return { kind = "path", text = value, place = place }
	end
	return { kind = "name", text = value, place = place }
end

local function stem(context)
	local name = context.host.name:match("([^/]*)$"):gsub("%.lua$", "")
	return name:find("^" .. name_pattern .. "$") and name or "unit"
end

local function read_names(context, r, epoch)
	return {
		name = r:match("name", name_pattern,
			"a name of letters, digits, dots, _ and -", stem(context)),
		description = r:text("description"),
		epoch = r:whole("epoch", 0, 253402300799, epoch),
	}
end

local function default_base(tag)
	return { kind = "name", text = "mini", place = { file = tag.file, line = tag.line, field = "base" } }
end

local function read_unit(context, tag)
	local complain = complainer(context, tag, {})
	local r = reader.new(tag.raw, complain)
	local plan = read_names(context, r, context.host.epoch or DEFAULT_EPOCH)
	plan.kind, plan.place = "unit", { file = tag.file, line = tag.line, field = "unit" }
	if #plan.name > 64 then
		complain({ "name" }, "expected at most 64 characters, found " .. #plan.name)
	end
	plan.version = r:text("version")
	plan.licence = r:text(tag.raw.licence == nil and tag.raw.license ~= nil and "license" or "licence")
	plan.authors = r:texts("authors")
	plan.base = read_base_reference(context, tag, r, "base") or default_base(tag)
	for _, field in ipairs { "app", "input" } do
		r:get(field, "", any)
		plan[field] = read_section(context, tag, field, false)
	end
	plan.app_size = r:get("app_size", 'a size such as "64M"', size_reader(context), 0)
	local s = apply_choices(context, read_params(context, tag, r))
	local names, rows = sweep.contents(s)
	plan.params = {
		names = names, rows = rows,
		place = { file = tag.file, line = line_of(context, tag, { "params" }), field = "params" },
	}
	if #rows == 0 and #context.problems == 0 then
		complain({ "params" }, "expected at least one instance, found none (does :where keep nothing?)")
	end
	plan.scripts = command.read(r, names, context.host.number_text, plan.base.text == "mini")
	plan.layout = r:choice("layout", { "disks", "single", "bootable" }, "disks")
	plan.floppy = r:choice("floppy", { true, false }, false)
	plan.output = read_output(context, r)
	plan.machine = read_machine(context, r)
	r:finish()
	return plan
end

-- A list of folders and archives that all go to the top of a root disk: root[1] …
local function read_sources(context, tag, list)
	local function complain(path, message, inner)
		local place = inner or { file = tag.file, line = line_of(context, tag, path) }
		add_problem(context, place.file, place.line, { tag.kind, table.unpack(path) }, message)
	end
	local good = {}
	for _, key in ipairs(text.keys(list)) do
		local inner = tag_of(context, list[key])
		if type(list[key]) == "string" or inner and (inner.kind == "file" or inner.kind == "archive") then
			good[key] = list[key]
		else
			complain({ key }, ("expected a folder or an archive, found %s (files = { … } takes single files)"):format(
				text.show(list[key])))
		end
	end
	local items = section.read(good, section_context(context, tag, {}, false), complain)
	for _, item in ipairs(items) do
		item.dest = item.dest or ""
		item.place.field = tag.kind .. item.place.field
	end
	return items
end

function read_base(context, tag)
	return base.read(tag, complainer(context, tag, {}), {
		tag_of = function(value)
			return tag_of(context, value)
		end,
		names = function(r, epoch)
			return read_names(context, r, epoch)
		end,
		section = function(field, packages)
			return read_section(context, tag, field, packages)
		end,
		sources = function(list)
			return read_sources(context, tag, list)
		end,
		reference = function(r, field)
			return read_base_reference(context, tag, r, field)
		end,
	})
end

-- The words that only note what they were given, and where.
local constructors = {
	"unit", "base", "debian", "oci", "root", "disk",
	"file", "text", "archive", "symlink", "hardlink", "folder", "deb",
}

local function new_constructor(context, kind, raise)
	local takes_text = kind ~= "unit" and kind ~= "base" and kind ~= "debian"
	local meta = {
		__name = kind .. " { … }",
		__metatable = kind,
		__index = function()
			raise(("%s: expected its fields in the braces, found one asked for later"):format(kind))
		end,
		__newindex = function()
			raise(("%s: expected its fields in the braces, found one set later"):format(kind))
		end,
	}
	return function(value)
		local file, line = calling_place(context, kind)
		local raw = value
		if takes_text and type(value) == "string" then
			raw = { value }
		elseif not text.is_plain(value) then
			raise(("%s: expected %s, found %s"):format(kind,
				takes_text and "a text or a table" or "a table", text.show(value)), kind)
		end
		local object = setmetatable({}, meta)
		context.tags[object] = { kind = kind, raw = raw, file = file, line = line }
		return object
	end
end

local function new_sweep_words(context, raise)
	local words = {}
	for _, kind in ipairs { "grid", "zip", "list" } do
		words[kind] = function(spec)
			local file, line = calling_place(context, kind)
			local tag = { kind = kind, file = file, line = line }
			if not text.is_plain(spec) then
				raise(("%s: expected a table, found %s"):format(kind, text.show(spec)), kind)
			end
			return sweep[kind](spec, function(path, message)
				local shown = #context.problems < MOST_PROBLEMS
				add_problem(context, file, shown and line_of(context, tag, path) or line,
					{ "params", table.unpack(path) }, message)
			end)
		end
	end
	for _, kind in ipairs { "range", "linspace", "logspace" } do
		words[kind] = function(...)
			return sweep[kind](function(message)
				raise(message, kind)
			end, ...)
		end
	end
	words.csv = function(path)
		if type(path) ~= "string" then
			raise("csv: expected a path, found " .. text.show(path), "csv")
		end
		local source, problem = context.host.read(path)
		if not source then
			raise("csv: " .. problem, "csv")
		end
		local file = context.host.beside(path)
		return sweep.csv(source, function(_, message, line)
			add_problem(context, file, line or 1, {}, message)
		end)
	end
	return words
end

-- Throws at the line of the recipe that called us, whatever lies between. `word` is what it
-- called.
local function new_raise(context)
	return function(message, word)
		local file, line = calling_place(context, word)
		error(line > 0 and ("%s:%d: %s"):format(file, line, message)
			or ("%s: %s"):format(file, message), 0)
	end
end

local function run_file(context, name, source, words)
	context.sources[name] = source
	local env = sandbox.environment(words, context.host.note)
	if source:sub(1, 1) == "\27" then
		local place = #context.running > 0 and name .. ": " or ""
		error(place .. "expected a recipe's text, found a compiled chunk of Lua", 0)
	end
	local chunk, problem = load(source, "@" .. name, "t", env)
	if not chunk then
		-- Lua cuts names of 60 bytes and more.
		local cut = #name >= 60 and "..." .. name:sub(-56)
		error(cut and problem:sub(1, 59) == cut and name .. problem:sub(60) or problem, 0)
	end
	context.running[#context.running + 1] = name
	local result = chunk()
	context.running[#context.running] = nil
	return result
end

local function new_words(context)
	local raise = new_raise(context)
	sweep.install(raise)
	local words = new_sweep_words(context, raise)
	for _, kind in ipairs(constructors) do
		words[kind] = new_constructor(context, kind, raise)
	end
	local including = {}
	words.include = function(path)
		if type(path) ~= "string" then
			raise("include: expected a path, found " .. text.show(path), "include")
		elseif including[path] then
			raise(("include: %s includes itself"):format(path), "include")
		end
		local source, problem = context.host.read(path)
		if not source then
			raise("include: " .. problem, "include")
		end
		including[path] = true
		local result = run_file(context, context.host.beside(path), source, words)
		including[path] = nil
		return result
	end
	return words
end

-- The problems as a reader goes through the files: those of one file together, by line.
local function sorted_problems(problems)
	local order, count = {}, 0
	for _, problem in ipairs(problems) do
		local file = problem.file or ""
		if not order[file] then
			count = count + 1
			order[file] = count
		end
	end
	text.sort(problems, function(a, b)
		local fa, fb = order[a.file or ""], order[b.file or ""]
		if fa ~= fb then
			return fa < fb
		end
		return a.line < b.line
	end)
	return problems
end

-- host: what the compiler gives (see recipe.c). Returns the plan or nil, and the problems.
function recipe.evaluate(host)
	local context = new_context(host)
	local result = run_file(context, host.name, host.source, new_words(context))
	local tag = tag_of(context, result)
	local plan
	if tag and tag.kind == "unit" then
		plan = read_unit(context, tag)
	elseif tag and base.is_kind(tag.kind) then
		plan = read_base(context, tag)
	else
		add_problem(context, host.name, 0, {},
			("expected a recipe that returns unit { … } or base { … }, found %s"):format(
				text.show(result)))
	end
	text.sort(context.problems, function(a, b)
		return a.file == b.file and a.line < b.line
	end)
	local problems = sorted_problems(context.problems)
	if context.left_out > 0 then
		problems[#problems + 1] = {
			file = host.name, line = 0, text = ("%d more mistakes are not shown"):format(context.left_out),
		}
	end
	return #problems == 0 and plan or nil, problems
end

return recipe
