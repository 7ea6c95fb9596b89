-- What JSON escapes and what it does not.
return unit {
	command = "true",
	params = grid { t = {
		"", " ", "plain", "a/b", "it's", "\"quoted\"", "back\\slash", "é", "日本", "\u{1F600}", "true", "1",
		"$HOME `x` $(y)", "\u{2028}", "</script>",
	} },
}
