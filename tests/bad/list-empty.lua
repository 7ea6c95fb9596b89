return unit {
	name = "x",
	params = list {},
	command = "true",
}
