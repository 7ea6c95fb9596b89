-- What recipes see beyond Lua's own names; lua/ is the language itself.
std = "lua54"
max_line_length = 120
local words = {
	"unit", "base", "debian", "oci", "root", "file", "text", "archive", "symlink", "hardlink", "folder", "deb",
	"grid", "zip", "list", "csv", "range", "linspace", "logspace", "include",
}
for _, place in ipairs { "recipes", "samples", "tests/good" } do
	files[place] = { read_globals = words }
end
