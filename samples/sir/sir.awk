# SPDX-License-Identifier: GPL-2.0-or-later
# Runs an SIR epidemic beside daily counts of the infected and measures how far off it is.
#
#     dS/dt = -beta S I / N        dI/dt = beta S I / N - gamma I        S(0) = N - I(0)
#
# usage: awk -v beta=B -v gamma=G -f sir.awk cases.csv > fit.csv
# cases.csv has a line day,cases for each day from the first on, below a heading.
# Leaves metrics.json in the working folder.

BEGIN {
	FS = ","
	population = 763
	steps = 10 # a day, of the classical Runge-Kutta method
	print "day,cases,model"
}

function infections(s, i) {
	return beta * s * i / population
}

function step(h,    s1, s2, s3, s4, i1, i2, i3, i4) {
	s1 = -infections(s, i)
	i1 = -s1 - gamma * i
	s2 = -infections(s + h / 2 * s1, i + h / 2 * i1)
	i2 = -s2 - gamma * (i + h / 2 * i1)
	s3 = -infections(s + h / 2 * s2, i + h / 2 * i2)
	i3 = -s3 - gamma * (i + h / 2 * i2)
	s4 = -infections(s + h * s3, i + h * i3)
	i4 = -s4 - gamma * (i + h * i3)
	s += h / 6 * (s1 + 2 * s2 + 2 * s3 + s4)
	i += h / 6 * (i1 + 2 * i2 + 2 * i3 + i4)
	if (i > peak)
		peak = i
}

FNR == 1 {
	next
}

FNR == 2 {
	i = peak = $2
	s = population - i
}

FNR > 2 {
	for (k = 0; k < steps; k++)
		step(1 / steps)
}

{
	printf "%d,%d,%.3f\n", $1, $2, i
	sse += (i - $2) * (i - $2)
}

END {
	printf "{\"beta\": %s, \"gamma\": %s, \"sse\": %.3f, \"r0\": %.4f, \"peak\": %.1f}\n",
		beta, gamma, sse, beta / gamma, peak > "metrics.json"
}
