local t = {}

return unit { command = t.a.b }
