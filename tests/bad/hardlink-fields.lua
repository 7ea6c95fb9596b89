return unit {
	name = "x",
	app = {
		["a"] = hardlink "nothing",
		["b"] = hardlink "../input/x",
		["c"] = hardlink {},
		["d"] = hardlink "e",
		["e"] = folder {},
		["f"] = hardlink "g",
		["g"] = hardlink "f",
	},
	command = "true",
}
