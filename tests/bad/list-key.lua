return unit {
	name = "x",
	params = list { x = { a = 1 } },
	command = "true",
}
