return unit {
	name = "x",
	app = {
		file { "data/cases.csv", mode = "999", xattr = {} },
		file { mode = "0755" },
		file { "data/cases.csv", "data/rows.csv" },
	},
	command = "true",
}
