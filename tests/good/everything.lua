-- Every kind of file that a recipe knows. The folder `made` comes from the test.
return unit {
	app = {
		"run.sh",
		["bin/tool"] = file { "made/tool", mode = "0750" },
		["bin/alias"] = hardlink "bin/tool",
		["bin/link"] = symlink "../share/text",
		["share/text"] = text "line 1\nline 2\n",
		["share/script"] = text "#!/bin/sh\n:\n",
		["share/marked"] = text { "x", mode = "0600", xattrs = { ["user.origin"] = "recipe", ["user.raw"] = "\0\255" } },
		["share/nul"] = text "a\0b",
		["share/none"] = text "",
		["var/empty"] = folder { mode = "1777" },
		["all"] = "made/tree",
		["dangling"] = symlink "/nowhere/at all",
		["with space/é"] = text "ok",
	},
	input = {
		"made/part-*.csv",
		["globbed"] = "made/[ab].txt",
		["sparse"] = "made/sparse",
		["gz"] = archive "made/tree.tar.gz",
		["xz"] = archive { "made/tree.tar.xz", strip = 1 },
		["zst"] = archive "made/tree.tar.zst",
		["zip"] = archive "made/tree.zip",
	},
	app_size = "8M",
	command = "cat /app/share/text",
}
