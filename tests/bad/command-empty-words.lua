return unit {
	command = {},
}
