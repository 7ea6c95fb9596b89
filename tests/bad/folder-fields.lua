return unit {
	name = "x",
	app = {
		["a"] = folder { "data" },
		["b"] = folder { mode = 7 },
		folder {},
	},
	command = "true",
}
