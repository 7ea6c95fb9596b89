return unit {
	name = "x",
	params = csv "data/control.csv",
	command = "true",
}
