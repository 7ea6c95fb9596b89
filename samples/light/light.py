# SPDX-License-Identifier: GPL-2.0-or-later
"""The trimmed mean of measured times, and how far it would scatter.

usage: light.py TRIM TIMES.csv

TRIM is the share of the measurements that is left out at each end: 0 gives the mean, 0.5
the median. Leaves metrics.json and means.csv, the bootstrap's distribution, in the
working folder.
"""

import json
import sys

import numpy as np

SEED = 1882
RESAMPLES = 10000


def trimmed_mean(rows, trim):
    """Of each row; the one or two values in the middle always count."""
    count = rows.shape[1]
    cut = min(int(trim * count), (count - 1) // 2)
    return np.sort(rows, axis=1)[:, cut : count - cut].mean(axis=1)


def resample(times):
    drawn = np.random.default_rng(SEED).integers(len(times), size=(RESAMPLES, len(times)))
    return times[drawn]


def main(trim, path):
    times = np.loadtxt(path, skiprows=1, dtype=int)
    means = trimmed_mean(resample(times), trim)
    low, high = np.percentile(means, [2.5, 97.5])
    metrics = {
        "estimate": float(trimmed_mean(times[np.newaxis], trim)[0]),
        "error": float(means.std(ddof=1)),
        "low": float(low),
        "high": float(high),
    }
    with open("metrics.json", "w", encoding="ascii") as file:
        json.dump(metrics, file)
        file.write("\n")
    edges = np.arange(15, 35.5, 0.5)
    counts, _ = np.histogram(means, edges)
    table = np.column_stack([edges[:-1], edges[1:], counts])
    np.savetxt("means.csv", table, "%g", ",", header="from,to,resamples", comments="")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(float(sys.argv[1]), sys.argv[2])
