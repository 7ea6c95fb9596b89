return unit {
	name = "x",
	input = { "/etc/passwd" },
	command = "true",
}
