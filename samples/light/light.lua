return unit {
	name = "light",
	description = "Newcomb's speed of light: trimmed means and their bootstrap errors",
	licence = "GPL-2.0-or-later",
	base = "debian-python",

	app = { "light.py" },
	input = { "times.csv" },
	params = grid { trim = { 0, 0.05, 0.25, 0.5 } },
	command = "python3 /app/light.py {trim} /input/times.csv",

	output = { size = "2M", metrics = "metrics.json" },
	machine = { memory = "256M", time = "2m" },
}
