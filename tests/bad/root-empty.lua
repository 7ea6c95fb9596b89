return unit {
	base = root { init = "yes" },
	command = "true",
}
