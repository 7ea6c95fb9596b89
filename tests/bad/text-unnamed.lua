return unit {
	name = "x",
	app = { text "hello" },
	command = "true",
}
