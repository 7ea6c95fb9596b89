return unit {
	name = "x",
	input = { [true] = "data/cases.csv", [1.5] = "data/cases.csv" },
	command = "true",
}
