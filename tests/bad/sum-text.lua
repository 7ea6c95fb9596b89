return unit {
	name = "x",
	params = "a" + grid { b = { 2 } },
	command = "true",
}
