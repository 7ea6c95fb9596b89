return unit {
	command = "true",
	params = { steps = 10, rate = 0.25, name = "a b", fast = true },
}
