return unit {
	name = "",
	command = "true",
}
