return include(("./"):rep(10000000) .. "include.lua")
