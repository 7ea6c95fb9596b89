return unit {
	name = "x",
	input = { "data/cases.cvs" },
	app = { "data/nothing-like-it" },
	command = "true",
}
