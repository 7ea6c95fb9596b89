return unit {
	name = "x",
	description = (file "data/cases.csv").mode,
	command = "true",
}
