for _ = 1, 100 do
	pcall(print, ("x"):rep(1 << 20))
end
print(("x"):rep(1 << 20))
