return unit {
	name = "../up",
	command = "true",
}
