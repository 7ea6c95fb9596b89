local common = {
	sweep = grid { beta = { 0.5, 1 } },
	machine = { cpus = 2, memory = "1G" },
}

function common.command(name)
	return ("echo {%s}"):format(name)
end

return common
