local t = {}
for _ = 1, 10 do
	pcall(function()
		while true do
			t[#t + 1] = ("x"):rep(10000000) .. #t
		end
	end)
end
while true do
	t[#t + 1] = ("x"):rep(10000) .. #t
end
