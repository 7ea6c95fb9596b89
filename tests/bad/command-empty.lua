return unit {
	command = "  ",
}
