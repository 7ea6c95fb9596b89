#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# docs: what the documents say of the tree and of the programs is there.

load helpers

# The names in the first column of a folder's table in docs/architecture.md, sorted.
documented() {
	awk -v heading="## $1/" '
		/^## / { here = $0 == heading }
		here && /^\| `/ {
			n = split(substr($0, 1, index(substr($0, 2), "|")), names, "`")
			for (i = 2; i <= n; i += 2)
				print names[i]
		}
	' "$ROOT/docs/architecture.md" | sort
}

@test "the architecture names every module, and no other" {
	local folder
	for folder in common compiler lua runtime/host runtime/guest; do
		run diff <(documented "$folder") \
			<(cd "$ROOT/$folder" && find . -maxdepth 1 -name '*.c' -o -name '*.lua' \
				-o -name '*.in' | sed 's|^\./||' | sort)
		assert_success
	done
}

# Every option in a command's help stands in the man page.
check_options() {
	local page=$1 option
	shift
	local options
	mapfile -t options < <("$@" --help | grep -oE '(^|[ ,[|])-(-[a-z][a-z-]+|M[A-Z])' |
		grep -oE -- '-.*' | sort -u)
	[ "${#options[@]}" -gt 0 ] || fail "$* --help names no options"
	for option in "${options[@]}"; do
		grep -qF -- "*$option*" "$page" || fail "$page: $* has $option"
	done
}

@test "the man pages name every option" {
	local command
	for command in build check inspect image base put get ls; do
		check_options "$ROOT/docs/man/wuc.1.scd" "$WUC" "$command"
	done
	for command in run submit status logs collect unpack ls verify doctor; do
		check_options "$ROOT/docs/man/wurun.1.scd" "$WURUN" "$command"
	done
}

@test "the recipe's man page names every field of a misspelt one's answer" {
	local words field
	cd "$BATS_TEST_TMPDIR"
	echo 'return unit { command = "true", zzzzzzzzzz = 1, machine = { zzzzzzzzzz = 1 }, output = { zzzzzzzzzz = 1 } }' >unit.lua
	echo 'return base { kernel = deb "linux-image-x", zzzzzzzzzz = 1 }' >base.lua
	words=$("$WUC" check unit.lua 2>&1 || true; "$WUC" check base.lua 2>&1 || true)
	words=$(grep -o '(known: .*)' <<<"$words" | sed 's/(known: //; s/)//; s/,//g')
	[ "$(wc -w <<<"$words")" -ge 25 ]
	for field in $words; do
		grep -qE "\*$field\*" "$ROOT/docs/man/workunit-recipe.5.scd" || fail "no word on $field"
	done
}
