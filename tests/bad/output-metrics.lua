return unit {
	name = "x",
	output = { metrics = "../up.json" },
	command = "true",
}
