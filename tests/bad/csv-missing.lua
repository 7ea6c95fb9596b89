return unit {
	name = "x",
	params = csv "data/non.csv",
	command = "true",
}
