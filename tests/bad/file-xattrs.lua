return unit {
	name = "x",
	app = {
		["a"] = text { "a", xattrs = { ["security.selinux"] = "x" } },
		["b"] = text { "b", xattrs = { ["user.n"] = 5 } },
		["c"] = text { "c", xattrs = "user.n" },
		["d"] = text { "d", xattrs = { ["user."] = "x" } },
		["e"] = text { "e", xattrs = { ["user.n\0"] = "x" } },
	},
	command = "true",
}
