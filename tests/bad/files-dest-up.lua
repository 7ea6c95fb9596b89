return unit {
	name = "x",
	input = { ["a/../../b"] = "data/cases.csv" },
	command = "true",
}
