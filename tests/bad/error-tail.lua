return error("at the end", 0)
