return unit {
	name = "x",
	input = { ["a\nb"] = "data/cases.csv" },
	command = "true",
}
