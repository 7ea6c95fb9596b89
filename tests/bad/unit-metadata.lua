return unit {
	name = "x",
	description = "two\nlines",
	version = 1.2,
	licence = {},
	authors = 5,
	command = "true",
}
