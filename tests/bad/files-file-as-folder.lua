return unit {
	name = "x",
	input = {
		["a"] = "data/cases.csv",
		["a/b"] = "data/cases.csv",
	},
	command = "true",
}
