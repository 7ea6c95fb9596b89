return unit {
	name = "x",
	params = file "data/rows.csv",
	command = "true",
}
