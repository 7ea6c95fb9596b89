local common = include "data/common.lua"

return unit {
	command = common.command("beta"),
	params = common.sweep * { run = range(1, 2) },
	machine = common.machine,
}
