return unit {
	command = { "", "x" },
}
