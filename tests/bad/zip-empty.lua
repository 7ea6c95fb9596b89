return unit {
	name = "x",
	params = zip { a = {} },
	command = "true",
}
