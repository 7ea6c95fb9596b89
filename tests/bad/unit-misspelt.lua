return unit {
	name = "x",
	desciption = "x",
	license_text = "GPL",
	zzz = 1,
	command = "true",
}
