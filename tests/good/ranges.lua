return unit {
	command = "true",
	params = list {
		{ kind = "whole", values = table.concat(range(1, 5), " ") },
		{ kind = "step", values = table.concat(range(0, 1, 0.25), " ") },
		{ kind = "down", values = table.concat(range(3, 1, -1), " ") },
		{ kind = "tenths", values = table.concat(range(0.1, 0.5, 0.1), " ") },
		{ kind = "one", values = table.concat(range(2, 2), " ") },
		{ kind = "lin", values = table.concat(linspace(1, 2.2, 13), " ") },
		{ kind = "lin one", values = table.concat(linspace(3, 9, 1), " ") },
		{ kind = "log", values = table.concat(logspace(-2, 2, 5), " ") },
		{ kind = "down lin", values = table.concat(linspace(1, 0, 3), " ") },
	},
}
