return unit {
	command = "true",
	params = gird { a = { 1 } },
}
