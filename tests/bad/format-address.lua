local s = ("%p"):format({})
