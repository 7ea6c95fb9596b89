return include "include-itself.lua"
