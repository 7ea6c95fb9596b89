table.concat = nil
table.move = error
ipairs = nil
return unit {
	nmae = "x",
	command = "true",
}
