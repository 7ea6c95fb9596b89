local s = ("%d"):format("x")
