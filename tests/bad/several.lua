-- Every mistake is reported, each with its line.
return unit {
	name = "a b",
	descripton = "x",
	input = { "data/cases.cvs", 5 },
	params = grid { beta = {}, gamma = { 1, "\n" } },
	command = "echo {gama}",
	machine = { cpus = 1000, memory = "1" },
	output = { size = "1K" },
}
