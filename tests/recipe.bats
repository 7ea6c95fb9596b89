#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# recipe: what wuc says of recipes that are wrong. tests/bad/NAME.lua gets exactly the
# lines of tests/bad/NAME.txt, in which @UP@ is the folder above.

load helpers

setup_file() {
	BAD=$BATS_FILE_TMPDIR/tests/bad
	mkdir -p "$BATS_FILE_TMPDIR/tests"
	cp -a "$ROOT/tests/bad" "$BATS_FILE_TMPDIR/tests/"
	echo "outside" >"$BATS_FILE_TMPDIR/tests/helpers.bash"
	export BAD
	make_fixtures "$BAD/made"
}

# What a repository should not or cannot hold: damaged archives, pipes, compiled Lua.
make_fixtures() (
	mkdir -p "$1/tree/x"
	cd "$1" || exit
	mkfifo fifo
	seq 1 20000 >tree/x/data
	echo b >tree/x/b
	mkfifo tree/pipe
	pack() { tar -P --sort=name --mtime=@0 --owner=0 --group=0 -C tree "$@"; }
	pack -cf good.tar x
	gzip -9n <good.tar | head -c 20000 >truncated.tar.gz
	gzip -9n <good.tar >corrupt.tar.gz
	printf '\0\0\0\0' | dd of=corrupt.tar.gz bs=1 seek=9000 conv=notrunc status=none
	xz <good.tar | head -c 2000 >truncated.tar.xz
	pack -cf climbs.tar --transform 's,^x/b,../../up,' x/b
	pack -cf absolute.tar --transform 's,^x/b,/etc/up,' x/b
	pack -cf fifo.tar pipe
	rm -r tree
	printf '\033Lua\124\0' >binary.lua
)

area_of() {
	case $1 in
	unit* | machine* | output* | several | sections* | text-utf8) echo unit ;;
	base* | debian* | oci* | root*) echo base ;;
	file* | text* | symlink* | hardlink* | folder* | constructor*) echo files ;;
	archive*) echo archives ;;
	params* | grid* | zip* | list* | csv* | product* | sum* | where* | sweep*) echo sweeps ;;
	range* | linspace* | logspace* | return*) echo sweeps ;;
	command* | placeholder* | quote*) echo commands ;;
	sandbox-loop* | sandbox-memory* | sandbox-concat) echo bombs ;;
	sandbox*) echo sandbox ;;
	include*) echo include ;;
	*) echo language ;;
	esac
}

# Checks every bad recipe of one area and shows what differs.
check_area() {
	local recipe name differ=0 seen=0
	cd "$BAD" || return
	for recipe in *.lua; do
		name=${recipe%.lua}
		[ "$(area_of "$name")" = "$1" ] || continue
		seen=$((seen + 1))
		check_one "$name" || differ=1
	done
	[ "$seen" -gt 0 ] || fail "no recipe is of the area $1"
	[ "$differ" -eq 0 ]
}

check_one() {
	local status=0
	"$WUC" check "$1.lua" >"$1.found" 2>&1 </dev/null || status=$?
	sed -i "s|${BAD%/*}|@UP@|g" "$1.found"
	diff -u "$1.txt" "$1.found" && [ "$status" -eq 1 ] && return
	echo "$1: exit status $status"
	return 1
}

@test "there are 70 bad recipes and more, each with its message" {
	cd "$BAD"
	local recipe count=0
	for recipe in *.lua; do
		assert_file_exists "${recipe%.lua}.txt"
		count=$((count + 1))
	done
	[ "$count" -ge 70 ]
}

@test "a unit's own fields, its machine and its output" { check_area unit; }
@test "bases" { check_area base; }
@test "files, texts, links and folders" { check_area files; }
@test "archives" { check_area archives; }
@test "parameters and sweeps" { check_area sweeps; }
@test "commands and their placeholders" { check_area commands; }
@test "syntax, undefined names, errors" { check_area language; }
@test "include" { check_area include; }
@test "the sandbox" { check_area sandbox; }
@test "endless loops and memory bombs, also inside pcall" { check_area bombs; }

@test "what the sandbox does not offer is no name at all" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		local missing = 0
		for _, look in ipairs {
			function() return io end, function() return os end,
			function() return load end, function() return loadstring end,
			function() return loadfile end, function() return dofile end,
			function() return require end, function() return package end,
			function() return debug end, function() return coroutine end,
			function() return collectgarbage end, function() return getmetatable end,
			function() return setmetatable end, function() return rawget end,
			function() return rawset end, function() return next end,
			function() return xpcall end, function() return _G end,
			function() return _VERSION end, function() return warn end,
			function() return _ENV.io end, function() return _ENV["os"] end,
		} do
			local good, value = pcall(look)
			assert(not good, "found " .. tostring(value))
			assert(value:find("undefined name"), value)
			missing = missing + 1
		end
		assert(string.dump == nil and table.getn == nil and math.randomseed(7) == nil)
		assert(("").dump == nil)
		print(missing)
		return unit { command = "true" }
	EOF
	run "$WUC" check recipe.lua
	assert_success
	assert_line --index 0 "22"
}

@test "nothing of a recipe shows an address or depends on one" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		local t = { [{}] = 1, [print] = 2, b = 3, a = 4, [2] = 5, [1] = 6 }
		for key, value in pairs({ b = 3, a = 4, [2] = 5, [1] = 6 }) do
			print(key, value)
		end
		print(t, print, ("%s %s"):format(t, print), #grid { a = { 1, 2, 3 } })
		print(math.random(1000), math.random(1000))
		return unit { command = "true", name = "x" }
	EOF
	run "$WUC" check recipe.lua
	assert_success
	first=$output
	assert_line --index 0 "$(printf '1\t6')"
	assert_line --index 2 "$(printf 'a\t4')"
	assert_line --index 4 "$(printf 'table\tfunction\ttable function\t3')"
	run "$WUC" check recipe.lua
	[ "$output" = "$first" ]
}

@test "an include does not start the random numbers again" {
	cd "$BATS_TEST_TMPDIR"
	echo 'return math.random(1 << 40)' >part.lua
	cat >recipe.lua <<-'EOF'
		local first = include "part.lua"
		local second = include "part.lua"
		assert(first ~= second)
		return unit { command = "true" }
	EOF
	run "$WUC" check recipe.lua
	assert_success
}

@test "patterns that take for ever end with the CPU's limit" {
	cd "$BATS_TEST_TMPDIR"
	printf 'local x = ("a"):rep(5000):find((".-"):rep(9) .. "b")\n' >recipe.lua
	run timeout 120 "$WUC" check recipe.lua
	assert_failure 1
	assert_output --partial "the recipe used too much CPU time"
}

@test "messages name a recipe as the user did, however long its name" {
	local folder=a-folder-with-a-name-so-long-that-lua-would-cut-it-in-its-messages
	mkdir -p "$BATS_TEST_TMPDIR/$folder/data"
	cd "$BATS_TEST_TMPDIR"
	printf '\nerror("here")\n' >"$folder/error.lua"
	printf '\nlocal x = = 1\n' >"$folder/syntax.lua"
	printf 'local x\n\nx.y = 1\n' >"$folder/index.lua"
	printf 'a b\n1\n' >"$folder/data/names.csv"
	printf 'return unit { command = "true", params = csv "data/names.csv", app = 5 }\n' \
		>"$folder/csv.lua"
	run "$WUC" check "$folder/error.lua"
	assert_output "$folder/error.lua:2: here"
	run "$WUC" check "$folder/syntax.lua"
	assert_output "$folder/syntax.lua:2: unexpected symbol near '='"
	run "$WUC" check "$PWD/$folder/index.lua"
	assert_output "$PWD/$folder/index.lua:3: attempt to index a nil value (local 'x')"
	run "$WUC" check "$folder/csv.lua"
	assert_line --index 0 --partial "$folder/data/names.csv:1: expected a parameter's name"
	assert_line --index 1 "$folder/csv.lua:1: app: expected a list of files, found the number 5"
}

@test "a recipe that is none: missing, a folder, compiled, with control characters" {
	cd "$BATS_TEST_TMPDIR"
	run "$WUC" check none.lua
	assert_failure 1
	assert_output "wuc: none.lua: No such file or directory"
	mkdir folder.lua
	run "$WUC" check folder.lua
	assert_failure 1
	printf '\033Lua\124\0' >binary.lua
	run "$WUC" check binary.lua
	assert_failure 1
	assert_output "binary.lua: expected a recipe's text, found a compiled chunk of Lua"
	printf 'error("\033[31mred\\n\\27[0m")\n' >control.lua
	run "$WUC" check control.lua
	assert_failure 1
	assert_output 'control.lua:1: \x1b[31mred\x0a\x1b[0m'
}

@test "--allow opens a folder, and only that" {
	mkdir -p "$BATS_TEST_TMPDIR/repo" "$BATS_TEST_TMPDIR/shared" "$BATS_TEST_TMPDIR/secret"
	cd "$BATS_TEST_TMPDIR"
	echo 'return "true"' >shared/part.lua
	echo 'a
1' >shared/rows.csv
	echo x >secret/x
	ln -s ../../secret shared/secret
	cat >repo/recipe.lua <<-'EOF'
		return unit {
			command = include "../shared/part.lua",
			params = csv "../shared/rows.csv",
			input = { "../shared/rows.csv" },
		}
	EOF
	run "$WUC" check repo/recipe.lua
	assert_failure 1
	run "$WUC" check --allow shared repo/recipe.lua
	assert_success
	echo 'return unit { command = "true", input = { "../secret/x" } }' >repo/recipe.lua
	run "$WUC" check --allow shared repo/recipe.lua
	assert_failure 1
	assert_output --partial "repo/recipe.lua:1: input[1]: expected a file below the recipe's folder, found"
	run "$WUC" check --allow none repo/recipe.lua
	assert_failure 2
}

@test "--set and --only name parameters" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		return unit {
			command = "echo {beta} {word}",
			params = grid { beta = { 1.5, 2, 2.5 }, word = { "5", "x" } },
		}
	EOF
	run "$WUC" check recipe.lua
	assert_output "recipe.lua: unit recipe is good: 6 instances, 0 files of 0 B"
	run "$WUC" check --only beta=2.50 recipe.lua
	assert_output --partial "2 instances"
	run "$WUC" check --only word=5 --only beta=2 recipe.lua
	assert_output --partial "1 instance,"
	run "$WUC" check --set beta=7 recipe.lua
	assert_output --partial "2 instances"
	run "$WUC" check --only beta=3 recipe.lua
	assert_failure 1
	assert_output "wuc: --only beta=3: no instance has this value"
	run "$WUC" check --set bta=3 recipe.lua
	assert_failure 1
	assert_output "wuc: --set bta: no such parameter (did you mean beta?)"
	run "$WUC" check --set beta=1e999 recipe.lua
	assert_failure 1
	assert_output "wuc: --set beta: expected a finite number, found the number inf"
	run "$WUC" check --set "word=a
b" recipe.lua
	assert_failure 1
	run "$WUC" check --set word recipe.lua
	assert_failure 2
	assert_line --index 0 'wuc: --set: expected name=value, found "word"'
}

@test "of very many mistakes the first hundred are shown" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		local rows = {}
		for i = 1, 20000 do
			rows[i] = i % 2
		end
		return unit { command = "true", params = list(rows) }
	EOF
	run "$WUC" check recipe.lua
	assert_failure 1
	assert_equal "${#lines[@]}" 101
	assert_line --index 100 "recipe.lua: 19900 more mistakes are not shown"
}

@test "a file that cannot be read is named" {
	[ "$(id -u)" -ne 0 ] || skip "lacks a user who is not root"
	cd "$BATS_TEST_TMPDIR"
	mkdir data
	echo x >data/x
	chmod 0 data/x
	echo 'return unit { command = "true", input = { "data" } }' >recipe.lua
	run "$WUC" check recipe.lua
	assert_failure 1
	assert_output --partial "recipe.lua:1: input[1]: "
	assert_output --partial "data/x: Permission denied"
}

@test "nothing that a recipe or a unit says drives the terminal" {
	cd "$BATS_TEST_TMPDIR"
	printf 'print("one\\27[2Jtwo\\n\\xC2\\x9B2J") error("\\xC2\\x9B31m", 0)\n' >loud.lua
	run "$WUC" check loud.lua
	assert_failure 1
	assert_output "$(printf '%s\n' 'one\x1b[2Jtwo' '\xc2\x9b2J' 'loud.lua:1: \xc2\x9b31m')"
	mkdir unit
	printf '%s' '{"format": "workunit", "version": 1, "name": "a\u001b[2Jb", "description": "\u009b2J"}' >unit/unit.json
	run "$WUC" inspect unit
	assert_success
	assert_line --partial 'a\x1b[2Jb'
	assert_line --partial '\xc2\x9b2J'
}

@test "parameters that no guest takes are an error" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		return unit { command = "true",
			params = { a = ("x"):rep(SIZE_A), b = ("x"):rep(SIZE_B) } }
	EOF
	params() {
		sed "s/SIZE_A/$1/; s/SIZE_B/$2/" recipe.lua >sized.lua
		run "$WUC" check -q sized.lua
	}
	params 131066 131065
	assert_success
	params 131066 131066
	assert_failure 1
	assert_output "sized.lua:2: params: expected an instance's parameters to be less than 262144 bytes, as a guest holds them, found 262144"
	params 131067 1
	assert_failure 1
	assert_output "sized.lua:2: params: a: expected a value that a guest's environment has room for (131072 bytes with its name), found 131073 bytes"
}
