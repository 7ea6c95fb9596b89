return unit {
	name = "image",
	description = "A picture by ray tracing, an instance a tile",
	licence = "GPL-2.0-or-later",

	app = { ["bin/tile"] = "tile" },
	params = csv "tiles.csv",
	command = "tile {image_width} {image_height} {left} {top} {width} {height} > tile.ppm",

	output = { size = "8M" },
	machine = { memory = "128M", time = "10m" },
}
