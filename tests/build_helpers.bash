# SPDX-License-Identifier: GPL-2.0-or-later
# build_helpers: units built from recipes, and independent readers of what is in them.
# shellcheck shell=bash

PATH=$PATH:/usr/sbin:/sbin

# The mini base in the store; whatever keeps it from there is what the tests lack. In
# setup_file a skip would not reach the tests: build_skip_if_lacking looks at the file.
build_require_base() {
	local problem
	problem=$("$WUC" base build -q mini 2>&1) ||
		echo "lacks the mini base: ${problem%%$'\n'*}" >"$BATS_FILE_TMPDIR/lacks"
}

build_skip_if_lacking() {
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || skip "$(cat "$BATS_FILE_TMPDIR/lacks")"
}

# cat_from IMAGE PATH: a file of an ext4 image, by e2fsprogs.
cat_from() {
	debugfs -R "cat \"$2\"" "$1" 2>/dev/null
}

# stat_of IMAGE PATH: what debugfs says of it.
stat_of() {
	debugfs -R "stat \"$2\"" "$1" 2>/dev/null
}

# cd_file ISO NAME: a file of a parameter CD, by xorriso.
cd_file() {
	local folder
	folder=$(mktemp -d "$BATS_TEST_TMPDIR/cd-XXXXXX")
	xorriso -osirrox on -indev "$1" -extract "/$2" "$folder/file" >/dev/null 2>&1 || return
	cat "$folder/file"
	rm -rf "$folder"
}

# id_of JSON: the id that an instance with this canonical form has.
id_of() {
	printf %s "$1" | sha256sum | cut -c1-12
}

# digests FOLDER: a line a file, for comparing whole units.
digests() (
	cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum
)

# stamps FOLDER: which files are the same files as before.
stamps() (
	cd "$1" && find . -type f ! -name unit.json -printf '%p %i %T@ %m\n' | sort
)
