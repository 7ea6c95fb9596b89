error(tostring({}) .. tostring(print) .. ("%s"):format({}), 0)
