#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Searches DNA for what a profile describes, and counts what it finds.
# usage: search.sh E-VALUE PROFILE.hmm SEQUENCES.fa
# Leaves hits.txt, a line a hit, and metrics.json in the working folder.
set -eu

nhmmer -E "$1" --noali -o /dev/null --tblout table.txt "$2" "$3"
sed '/^#/d' table.txt >hits.txt # remarks, which have the time in them
rm table.txt
awk -f "${0%/*}/hits.awk" hits.txt >metrics.json
