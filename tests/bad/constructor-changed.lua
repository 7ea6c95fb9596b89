return unit {
	name = "x",
	app = (function()
		local tool = file "data/cases.csv"
		tool.mode = "0755"
		return { tool }
	end)(),
	command = "true",
}
