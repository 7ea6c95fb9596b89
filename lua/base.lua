-- SPDX-License-Identifier: GPL-2.0-or-later
-- base: what a guest boots, as base { … }, debian { … }, oci …, root … or disk … say it -> a
-- plain table with every default.

local reader = require "reader"
local text = require "text"

local base = {}

-- Not SOURCE_DATE_EPOCH: a base is shared by units of many dates.
local EPOCH = 946684800 -- 2000-01-01
local APPEND = "console=ttyS0 quiet panic=-1"
-- What a guest with a root disk needs of a kernel; what that has built in costs nothing.
local MODULES = {
	"virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "crc32c_generic", "ext4", "isofs",
}
local DRIVERS = { "virtio_net", "virtio_scsi", "ata_piix", "sd_mod", "sr_mod" }
-- The image formats that QEMU can run a guest from, on an overlay.
local FORMATS = {
	"raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx", "qcow", "qed", "parallels", "bochs",
}
local HOME = "/home/auto"
local package_pattern = "[a-z0-9][a-z0-9+.-]+"

-- The constructors that make a base, with what makes each its own.
local kinds = {}

local function words(r, key, pattern, expected)
	local list, seen = {}, {}
	for i, word in ipairs(r:texts(key)) do
		if not word:find("^" .. pattern .. "$") then
			r.complain({ key, i }, ("expected %s, found %s"):format(expected, text.show(word)))
		elseif not seen[word] then
			seen[word] = true
			list[#list + 1] = word
		end
	end
	return list
end

function kinds.base(_, tag, plan, complain)
	if tag.raw.kernel == nil and not plan.from then
		complain({}, 'expected a kernel, found nothing (kernel = deb "linux-image-cloud-amd64")')
	end
end

function kinds.debian(r, _, plan)
	plan.root = "packages"
	plan.packages = words(r, "packages", package_pattern, "the name of a Debian package")
	text.sort(plan.packages, function(a, b)
		return a < b
	end)
end

function kinds.oci(r, _, plan, complain)
	plan.root = "image"
	plan.image = r:get(1, "an image's path, or docker://…", function(value)
		return type(value) == "string" and value ~= "" and not value:find("%c") and value or nil
	end)
	if r.raw[1] == nil then
		complain({}, 'expected an image, found nothing (oci "image.tar", oci "docker://debian:12")')
	end
end

-- Folders and archives, one on top of the other: the entries of a list, all to the top.
function kinds.root(r, _, plan, complain, tools)
	local sources = {}
	plan.root = "items"
	for _, key in ipairs(text.keys(r.raw)) do
		if math.type(key) == "integer" then
			sources[key] = r:get(key, "", function(value)
				return value
			end)
		end
	end
	if next(sources) == nil then
		complain({}, 'expected a folder or an archive, found nothing (root "rootfs.tar")')
	end
	plan.contents = tools.sources(sources)
end

local function read_kernel(r, tools)
	return r:get("kernel", 'a package: deb "linux-image-…"', function(value)
		local inner = tools.tag_of(value)
		return inner and inner.kind == "deb" and type(inner.raw[1]) == "string" and inner.raw[1] or nil
	end)
end

-- An absolute path without surprises, or nil.
local function plain_path(value)
	if type(value) ~= "string" or not value:find("^/[^/]") or value:find("%c")
		or (value .. "/"):find("/%.?%.?/") then
		return nil
	end
	return value
end

-- A complete disk has all that others are made of: it takes no other words.
local function read_disk(r, plan, complain)
	plan.disk = r:get(1, "an image's path", function(value)
		return type(value) == "string" and value ~= "" and not value:find("%c") and value or nil
	end)
	if r.raw[1] == nil then
		complain({}, 'expected a disk image, found nothing (disk "guest.qcow2")')
	end
	plan.disk_format = r:choice("format", FORMATS)
	plan.partition = r:whole("partition", 0, 255) -- 0: the disk itself
	plan.home = r:get("home", 'an absolute path such as "/home/auto"', plain_path, HOME)
	plan.agent = r:choice("agent", { "guest", "seed", "none" }, "guest")
	r:finish()
	return plan
end

-- Which words of a recipe make a base.
function base.is_kind(kind)
	return kind == "disk" or kinds[kind] ~= nil
end

-- tag: what the constructor was given, and where. tools: tag_of(value); names(r, epoch);
-- section(field, packages) and sources(list) for files; reference(r, field) for a base.
function base.read(tag, complain, tools)
	local r = reader.new(tag.raw, complain)
	local plan = tools.names(r, EPOCH)
	local has_root = tag.kind ~= "base"
	plan.kind, plan.place = "base", { file = tag.file, line = tag.line, field = tag.kind }
	if tag.kind == "disk" then
		return read_disk(r, plan, complain)
	end
	if tag.kind == "base" or tag.kind == "debian" then
		plan.from = tools.reference(r, "from")
		has_root = has_root or plan.from ~= nil
	end
	plan.suite = r:match("suite", "[%w%-]+", "a Debian suite's name")
	plan.kernel = read_kernel(r, tools)
	local standard = has_root and tag.raw.kernel ~= nil
	plan.modules = r:texts("modules", standard and MODULES or nil)
	plan.drivers = r:texts("drivers", standard and DRIVERS or nil)
	for _, field in ipairs { "initrd", "files" } do
		r:get(field, "", function(value)
			return value
		end)
		plan[field] = tools.section(field, field == "initrd")
	end
	plan.init = r:choice("init", { true, false }, false)
	plan.append = r:text("append", tag.raw.kernel ~= nil and APPEND or nil)
	kinds[tag.kind](r, tag, plan, complain, tools)
	if not has_root then
		if plan.init then
			complain({ "init" }, "expected a base with a root disk of its own to start")
		elseif #plan.files > 0 then
			complain({ "files" }, "expected a base with a root disk to place files on (initrd = { … } has this one's)")
		end
	end
	r:finish()
	return plan
end

return base
