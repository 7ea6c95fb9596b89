return unit {
	name = "x",
	params = csv "data/names.csv",
	command = "true",
}
