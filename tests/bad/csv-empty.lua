return unit {
	name = "x",
	params = csv "data/empty.csv",
	command = "true",
}
