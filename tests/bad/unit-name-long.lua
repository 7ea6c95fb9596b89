return unit {
	name = ("a"):rep(65),
	command = "true",
}
