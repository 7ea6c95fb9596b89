return unit {
	name = "x",
	authors = { "A. Author", 7, name = "B. Author" },
	command = "true",
}
