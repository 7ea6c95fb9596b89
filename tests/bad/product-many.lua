return unit {
	name = "x",
	params = grid { a = range(1, 2000) } * grid { b = range(1, 2000) },
	command = "true",
}
