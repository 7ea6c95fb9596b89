return unit {
	command = "true",
	params = zip { a = { 1, 2 }, b = { 3, 4 } } * { c = { 5, 6 } } * grid { d = 7 },
}
