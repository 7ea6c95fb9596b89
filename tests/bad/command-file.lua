return unit {
	command = file "run.sh",
}
