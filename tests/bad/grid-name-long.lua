return unit {
	name = "x",
	params = grid { [("a"):rep(65)] = { 1 } },
	command = "true",
}
