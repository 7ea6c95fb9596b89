return unit {
	name = "x",
	input = {
		5,
		true,
		{ "data/cases.csv" },
		grid { a = { 1 } },
	},
	command = "true",
}
