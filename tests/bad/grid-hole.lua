return unit {
	name = "x",
	params = grid { a = { 1, nil, 3 } },
	command = "true",
}
