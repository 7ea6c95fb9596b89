return unit {
	name = "x",
	params = csv "data/twice.csv",
	command = "true",
}
