return unit {
	command = [[
		echo it's
	]],
}
