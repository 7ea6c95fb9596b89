return unit {
	name = "geyser",
	description = "Old Faithful's waiting times, predicted by polynomials",
	licence = "GPL-2.0-or-later",
	base = "debian-r",

	app = { "geyser.R" },
	params = grid { degree = range(1, 5) },
	command = "Rscript /app/geyser.R {degree}",

	output = { size = "2M", metrics = "metrics.json" },
	machine = { memory = "512M", time = "2m" },
}
