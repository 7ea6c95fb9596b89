return unit {
	name = "x",
	params = grid { a = { 1 } }:wher(print),
	command = "true",
}
