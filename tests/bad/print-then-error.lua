print("looking", { 1 }, nil, true)
error("no")
