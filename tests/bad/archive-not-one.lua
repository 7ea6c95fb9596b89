return unit {
	name = "x",
	input = { archive "data/cases.csv" },
	command = "true",
}
