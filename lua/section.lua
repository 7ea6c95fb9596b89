-- SPDX-License-Identifier: GPL-2.0-or-later
-- section: the files of a disk as a recipe lists them (`app`, `input`, a base's `initrd`)
-- -> a flat list of items for the scanner. Places in the recipe come along.

local reader = require "reader"
local text = require "text"

local section = {}

-- A destination below the section's top: "" for the top itself. nil and why where it is bad.
local function destination(key)
	if key:find("^/") then
		return nil, "a path below the section, without a leading /"
	elseif key:find("[%z\1-\31\127]") then
		return nil, "a path without control characters"
	end
	local parts = {}
	for part in key:gmatch("[^/]+") do
		if part == ".." then
			return nil, "a path without .."
		elseif part ~= "." then
			parts[#parts + 1] = part
		end
	end
	return table.concat(parts, "/")
end

local function octal(value)
	if type(value) == "string" and value:find("^[0-7][0-7][0-7][0-7]?$") then
		return tonumber(value, 8)
	end
	return nil
end

local function some_text(value)
	return type(value) == "string" and value ~= "" and not value:find("%z") and value or nil
end

local function read_xattrs(r)
	local raw = r:get("xattrs", "a table of name = text", function(value)
		return text.is_plain(value) and value or nil
	end, {})
	local list = {}
	for _, name in ipairs(text.keys(raw)) do
		if type(name) ~= "string" or not name:find("^user%..") or name:find("%z") then
			r.complain({ "xattrs", name }, "expected a name that starts with user., found " .. text.show(name))
		elseif type(raw[name]) ~= "string" then
			r.complain({ "xattrs", name }, "expected a text, found " .. text.show(raw[name]))
		else
			list[#list + 1] = { name = name, value = raw[name] }
		end
	end
	return list
end

local keepable = { "modes", "owners", "times", "xattrs", "devices" }

-- What a file keeps of what it is where it comes from.
local function read_keep(r)
	local set = {}
	for i, word in ipairs(r:texts("keep")) do
		if text.contains(keepable, word) then
			set[word] = true
		else
			local path = type(r.raw.keep) == "table" and { "keep", i } or { "keep" }
			r.complain(path, "unknown word " .. text.show(word) .. text.hint(word, keepable))
		end
	end
	return set
end

local function source_of(r, expected, convert)
	local value = r:get(1, expected, convert or some_text)
	if value == nil and r.raw[1] == nil then
		r.complain({}, "expected " .. expected .. ", found nothing")
	end
	return value
end

-- What each kind of entry reads from its table.
local kinds = {}

function kinds.file(r, item)
	item.source = source_of(r, "a path")
	item.mode = r:get("mode", 'an octal text such as "0755"', octal)
	item.xattrs = read_xattrs(r)
	item.keep = read_keep(r)
end

function kinds.text(r, item)
	item.source = source_of(r, "a text", function(value)
		return type(value) == "string" and value or nil
	end)
	item.mode = r:get("mode", 'an octal text such as "0755"', octal)
	item.xattrs = read_xattrs(r)
end

function kinds.archive(r, item)
	item.source = source_of(r, "an archive's path")
	item.strip = r:whole("strip", 0, 100, 0)
	item.mode = r:get("mode", 'an octal text such as "0755"', octal)
	item.keep = read_keep(r)
end

function kinds.symlink(r, item)
	item.source = source_of(r, "the link's target")
end

function kinds.hardlink(r, item)
	item.source = source_of(r, "the path in this section that it names again", function(value)
		if type(value) ~= "string" then
			return nil
		end
		local path, why = destination(value)
		return path ~= "" and path or nil, why
	end)
end

function kinds.folder(r, item)
	item.mode = r:get("mode", 'an octal text such as "0755"', octal)
end

function kinds.deb(r, item)
	item.package = source_of(r, "a package's name")
	item.source = r:get(2, "a path in the package", some_text)
	if r.raw[2] == nil then
		r.complain({}, 'expected a path in the package, as in deb { "busybox-static", "bin/busybox" }')
	end
	item.mode = r:get("mode", 'an octal text such as "0755"', octal)
end

-- Kinds that have no name of their own to go by.
local needs_destination = { text = true, symlink = true, hardlink = true, folder = true, deb = true }

local function read_entry(out, key, value, context, complain)
	local tag = context.tag(value)
	local kind = type(value) == "string" and "file" or tag and tag.kind
	if not kinds[kind] or (kind == "deb" and not context.packages) then
		local words = "a path or file, text, archive, symlink, hardlink or folder"
		local hint = text.is_plain(value) and type(value[1]) == "string" and " (file { … } takes a mode)" or ""
		complain({ key }, ("expected %s, found %s%s"):format(words, text.show(value), hint))
		return
	end
	local item = { kind = kind, xattrs = {}, strip = 0 }
	-- What a constructor takes first has no name: it is the entry itself.
	local function own(path, message)
		complain({ key, table.unpack(path, path[1] == 1 and 2 or 1) }, message, tag)
	end
	if type(key) == "string" then
		local why
		item.dest, why = destination(key)
		if not item.dest then
			complain({ key }, ("expected %s, found %s"):format(why, text.show(key)))
			return
		elseif item.dest == "" and kind ~= "file" and kind ~= "archive" and kind ~= "folder" then
			complain({ key }, ("expected a name for the %s, found %s"):format(kind, text.show(key)))
			return
		end
	elseif needs_destination[kind] then
		complain({ key }, ('expected a name for it, as in ["name"] = %s …'):format(kind), tag)
		return
	end
	local r = reader.new(type(value) == "string" and { value } or tag.raw, own)
	kinds[kind](r, item)
	r:finish()
	if item.source == nil and kind ~= "folder" then
		return
	end
	item.place = context.place({ key }, tag)
	out[#out + 1] = item
end

-- raw: the table in the recipe, or one path. context.tag(value) tells constructors' tables,
-- context.place(path, tag) where they stand; complain(path, message, tag).
function section.read(raw, context, complain)
	local out = {}
	if type(raw) == "string" or context.tag(raw) then
		raw = { raw }
	elseif not text.is_plain(raw) then
		complain({}, "expected a list of files, found " .. text.show(raw))
		return out
	end
	for _, key in ipairs(text.keys(raw)) do
		if type(key) == "string" or math.type(key) == "integer" then
			read_entry(out, key, raw[key], context, complain)
		else
			complain({}, "expected a path as name, found " .. text.show(key))
		end
	end
	-- As they stand in the recipe: of two that collide, the later one is in the wrong.
	text.sort(out, function(a, b)
		return a.place.file == b.place.file and a.place.line < b.place.line
	end)
	return out
end

return section
