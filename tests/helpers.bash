# SPDX-License-Identifier: GPL-2.0-or-later
# helpers: what every bats file loads. The programs under test come from the environment.

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load
load /usr/lib/bats/bats-file/load

ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
: "${WUC:=$ROOT/build/wuc}" "${WURUN:=$ROOT/build/wurun}" "${WUGUEST:=$ROOT/build/wuguest}"
export ROOT WUC WURUN WUGUEST

# A recipe, a locale or a time zone of the caller must not change what is tested.
unset SOURCE_DATE_EPOCH WUC_RECIPES MAKEFLAGS MAKELEVEL
export LC_ALL=C
