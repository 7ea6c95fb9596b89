return unit {
	name = "x",
	params = grid { a = { 1 } }
		* grid { a = { 2 }, b = { 3 } },
	command = "true",
}
