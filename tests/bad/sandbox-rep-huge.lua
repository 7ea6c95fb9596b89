local s = ("xy"):rep(math.maxinteger)
