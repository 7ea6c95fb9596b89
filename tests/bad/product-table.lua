return unit {
	name = "x",
	params = grid { a = { 1 } } * { b = {} },
	command = "true",
}
