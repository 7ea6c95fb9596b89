-- Debian's essential packages and a little more, on a root disk. For what others build on:
-- from = "debian", packages = { … }. debian.lock pins the packages.

return debian {
	name = "debian",
	description = "Debian with a shell and its usual tools",
	suite = "bookworm",
	packages = { "bzip2", "less", "mount", "netbase", "procps", "xz-utils", "zstd" },
	files = {
		["usr/local/bin/wu-progress"] = file { "wu-progress", mode = "0755" },
	},
}
