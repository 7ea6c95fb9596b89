return unit {
	name = "x"
	command = "true",
}
