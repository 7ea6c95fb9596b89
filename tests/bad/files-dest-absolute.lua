return unit {
	name = "x",
	input = { ["/etc/cases"] = "data/cases.csv" },
	command = "true",
}
