return unit {
	name = "x",
	app = {
		["a"] = file { "data/cases.csv", mode = "4755" },
		["b"] = folder { mode = "2755" },
	},
	command = "true",
}
