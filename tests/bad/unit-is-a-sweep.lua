return grid { a = { 1, 2 } }
