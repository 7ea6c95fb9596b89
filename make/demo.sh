#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole path on real input: the base, the unit, 52 virtual machines, the best fits.
# usage: make/demo.sh BUILD-FOLDER
set -eu
build=$1
cd "$(dirname "$0")/.."

"$build/wuc" base build mini
PKG_CONFIG_PATH=$build${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
exec make --no-print-directory -C samples/sir results best
