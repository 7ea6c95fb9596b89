return unit {
	name = "x",
	app = {
		["a"] = symlink {},
		["b"] = symlink { "a", mode = "0777" },
		["c"] = symlink "",
		symlink "a",
	},
	command = "true",
}
