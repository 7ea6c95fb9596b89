return unit {
	command = "true",
	params = grid { a = { 1, 2 }, b = 0 } + { a = 9, b = { 8, 9 } } + list { { b = 5, a = 5 } },
}
