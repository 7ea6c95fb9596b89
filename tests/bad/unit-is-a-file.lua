return file "x"
