-- A recipe's own string library is a copy: ours goes on working.
string.find = nil
string.format = error
return unit {
	nmae = "x",
	command = "true",
}
