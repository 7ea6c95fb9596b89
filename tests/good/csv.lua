return unit {
	command = "true",
	params = csv "data/values.csv",
}
