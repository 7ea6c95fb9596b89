return unit {
	command = 5,
}
