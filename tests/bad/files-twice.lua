return unit {
	name = "x",
	input = {
		["a.csv"] = "data/cases.csv",
		["./a.csv"] = text "again",
	},
	command = "true",
}
