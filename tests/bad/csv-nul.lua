return unit {
	name = "x",
	params = csv "data/rows.csv\0",
	command = "true",
}
