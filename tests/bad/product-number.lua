return unit {
	name = "x",
	params = grid { a = { 1 } } * 5,
	command = "true",
}
