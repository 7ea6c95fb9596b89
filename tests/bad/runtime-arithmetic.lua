return unit {
	command = "true",
	params = { a = 1 + {} },
}
