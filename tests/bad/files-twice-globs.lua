return unit {
	name = "x",
	input = {
		"data/cases.csv",
		"data/more/cases.csv",
	},
	command = "true",
}
