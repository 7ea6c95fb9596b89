return unit {
	name = "x",
	app_size = "64 megs",
	command = "true",
}
