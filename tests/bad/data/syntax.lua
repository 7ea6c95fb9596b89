local x =

return x x
