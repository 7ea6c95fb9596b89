return unit {
	name = "x",
	params = {
		a = "two\nlines",
		b = 0 / 0,
		c = 1 / 0,
		d = print,
		e = "\255",
		f = text "x",
	},
	command = "true",
}
