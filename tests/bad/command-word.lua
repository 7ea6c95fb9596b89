return unit {
	command = { "awk", {} },
}
