return unit {
	name = "x",
	app = {
		["a"] = file { "data/cases.csv", mode = 755 },
		["b"] = text { "b", mode = "rwx" },
		["c"] = folder { mode = "0888" },
		["d"] = text { "d", mode = "4755" },
	},
	command = "true",
}
