return unit {
	command = "true",
	params = list { { a = 3, b = 1 }, { b = 2, a = 2 }, { a = 1, b = 3 } },
}
