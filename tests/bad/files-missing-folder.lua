return unit {
	name = "x",
	input = { "dta/cases.csv" },
	command = "true",
}
