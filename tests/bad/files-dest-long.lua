return unit {
	name = "x",
	input = { [("a"):rep(256)] = "data/cases.csv" },
	command = "true",
}
