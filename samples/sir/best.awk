# SPDX-License-Identifier: GPL-2.0-or-later
# A table of the instances that fit best.
# usage: awk -v results=FOLDER [-v most=10] -f best.awk FOLDER/*/files/metrics.json

BEGIN {
	if (!most)
		most = 10
}

# The number at a key of the one JSON object on this line.
function number(key,    rest) {
	if (!match($0, "\"" key "\": *[-+.0-9eE]+"))
		return ""
	rest = substr($0, RSTART, RLENGTH)
	sub(/^[^:]*: */, "", rest)
	return rest
}

# RESULTS/ID/files/metrics.json -> ID
function id_of(path,    parts, n) {
	n = split(path, parts, "/")
	return parts[n - 2]
}

number("sse") != "" {
	n++
	sse[n] = number("sse") + 0
	row[n] = sprintf("%6.2f %6.2f %6.2f %8.1f %12.1f   %s", number("beta"),
		number("gamma"), number("r0"), number("peak"), sse[n], id_of(FILENAME))
}

END {
	if (!n) {
		print "best.awk: no metrics in " results > "/dev/stderr"
		exit 1
	}
	printf "%6s %6s %6s %8s %12s   %s\n", "beta", "gamma", "R0", "peak", "squares", "instance"
	for (rank = 1; rank <= most && rank <= n; rank++) {
		best = 0
		for (k = 1; k <= n; k++)
			if (!(k in shown) && (!best || sse[k] < sse[best]))
				best = k
		shown[best]
		print row[best]
	}
	printf "%d instances, results in %s\n", n, results
}
