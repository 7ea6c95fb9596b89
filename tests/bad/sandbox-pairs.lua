for _ in pairs { [{}] = 1, a = 2 } do
end
return unit { command = "true" }
