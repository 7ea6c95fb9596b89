return unit {
	name = "x",
	"app.sh",
	command = "true",
}
