return unit {
	name = "x",
	params = grid { a = { 1, 2 } }:where "a > 1",
	command = "true",
}
