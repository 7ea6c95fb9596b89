return unit {
	params = { name = 1, other = 2 },
	command = "echo {nmae} \"{othr}\" {nmae} ${name}",
}
