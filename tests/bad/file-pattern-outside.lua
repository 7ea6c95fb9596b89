return unit {
	app = { "/*/*", "../*.bash", "data/../../*" },
	command = "true",
}
