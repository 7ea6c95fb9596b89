return base {
	name = "tiny base",
	suite = "book worm",
	kernel = "linux-image-amd64",
	modules = { "ext4", 5 },
	append = { "quiet" },
	intird = {},
}
