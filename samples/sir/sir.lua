return unit {
	name = "sir",
	description = "An SIR epidemic fitted to an influenza outbreak in a boarding school",
	licence = "GPL-2.0-or-later",

	app = { "sir.awk" },
	input = { "cases.csv" },
	params = grid {
		beta = linspace(1.0, 2.2, 13),
		gamma = { 0.35, 0.40, 0.45, 0.50 },
	},
	command = "awk -v beta={beta} -v gamma={gamma} -f /app/sir.awk /input/cases.csv > fit.csv",

	output = { size = "2M", metrics = "metrics.json" },
	machine = { memory = "128M", time = "2m" },
}
