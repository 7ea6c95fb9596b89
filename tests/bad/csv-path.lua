return unit {
	name = "x",
	params = csv { "data/rows.csv" },
	command = "true",
}
