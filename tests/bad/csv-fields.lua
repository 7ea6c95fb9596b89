return unit {
	name = "x",
	params = csv "data/fields.csv",
	command = "true",
}
