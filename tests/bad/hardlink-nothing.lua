return unit {
	name = "x",
	app = {
		["a"] = hardlink "nothing",
		["d"] = hardlink "e",
		["e"] = folder {},
		["f"] = hardlink "g",
		["g"] = hardlink "f",
		["h"] = hardlink "i",
		["i"] = symlink "h",
	},
	command = "true",
}
