return unit {
	name = "x",
	params = csv "data/header.csv",
	command = "true",
}
