return unit {
	name = "x",
	app = grid { a = { 1 } },
	authors = file "x",
	machine = file "x",
	output = grid { a = { 1 } },
	command = "true",
}
