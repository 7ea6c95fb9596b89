-- Instances that say the same are one, where the first of them stood.
return unit {
	command = "true",
	params = grid { a = { 3, 1, 3, 1.0, "1", 2 } },
}
