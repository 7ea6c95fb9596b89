return unit {
	command = "true",
	app = unit { command = "true" },
}
