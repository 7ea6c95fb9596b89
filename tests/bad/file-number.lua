return unit {
	name = "x",
	app = {
		["a"] = file(5),
	},
	command = "true",
}
