return unit {
	command = "true",
	params = zip { a = { 1, 2, 3 }, b = { "one", "two", "three" } },
}
