return unit {
	name = "x",
	params = list { file "data/rows.csv" },
	command = "true",
}
