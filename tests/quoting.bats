#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# quoting: a parameter's value reaches a command byte for byte, wherever in a script its
# {name} stands, in every shell that a guest may have. Random scripts, the same every time.

load helpers
load build_helpers

SCRIPTS=200
SHELLS=("dash" "busybox sh" "bash")

setup_file() {
	build_require_base
	[ -e "$BATS_FILE_TMPDIR/lacks" ] || make_scripts
}

setup() {
	build_skip_if_lacking
}

# A value as a Lua string.
lua_string() {
	printf '"%s"' "$(printf %s "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/ /\\x/g')"
}

# shellcheck disable=SC1003,SC2016
PIECES=("'" '"' '$' '`' ';' ' ' '  ' '&' '|' '<' '>' '*' '?' '[a-z]' ']' '{' '}' '(' ')' '!'
	'#' '~' '\' '\\' '%s' '=' '-' '--' '-n' '-e' 'é' '日本' 'a' 'Z' '0' '/' ':' ',' '^'
	'$(touch pwned)' '`touch pwned`' '${HOME}' '$WU_v0' '\n' '\c' '{v0}' 'EOF' '$((1+1))'
	'; touch pwned;' "'; touch pwned; '" '" ; touch pwned; "' '&& touch pwned' '*.lua')

random_value() {
	local n=$((RANDOM % 5))
	value=${PIECES[RANDOM % ${#PIECES[@]}]}
	while [ $((n--)) -gt 0 ]; do
		value+=${PIECES[RANDOM % ${#PIECES[@]}]}
	done
}

# One statement in which {$1} stands in context number $2, appended to $script; what it
# prints for $value is appended to $expected. `show` prints each argument on a line.
TAB=$(printf '\t')
CONTEXTS=28
add_statement() {
	local p="{$1}" v=$value q=$value$'\n'
	case $2 in
	0) script+="show $p" expected+=$q ;;
	1) script+="show \"a $p b\"" expected+="a $v b"$'\n' ;;
	2) script+="show 'a $p b'" expected+="a $v b"$'\n' ;;
	3) script+="show pre${p}post" expected+="pre${v}post"$'\n' ;;
	4) script+="show $p$p" expected+="$v$v"$'\n' ;;
	5) script+="show \$(printf x; : $p)" expected+="x"$'\n' ;;
	6) script+="show \"\$(printf '%s' $p)\"" expected+=$q ;;
	7) script+="show \"\$(printf '%s' \"x$p\")\" $p" expected+="x$v"$'\n'$q ;;
	8) script+="show \"<\$(printf '%s' \"\$(printf '%s' '$p')\")>\"" expected+="<$v>"$'\n' ;;
	9) script+="cat <<EOF"$'\n'"it's $p \"x"$'\n'"EOF" expected+="it's $v \"x"$'\n' ;;
	10) script+="cat <<'EOF'"$'\n'"it's $p"$'\n'"EOF" expected+="it's $p"$'\n' ;;
	11) script+="cat <<-EOF"$'\n'"$TAB$p"$'\n'"${TAB}EOF" expected+=$q ;;
	12) script+="cat <<A; cat <<\\B"$'\n'"$p"$'\n'"A"$'\n'"'$p"$'\n'"B" expected+="$q'$p"$'\n' ;;
	13) script+="cat <<EOF"$'\n'"\$(printf '%s' $p)"$'\n'"EOF" expected+=$q ;;
	14) script+="# it's \"a $p comment"$'\n'"show $p" expected+=$q ;;
	15) script+="show a#$p # and 'one \$( more" expected+="a#$v"$'\n' ;;
	16) script+="show \"\$(case a in a) printf '%s' $p ;; (b) : ;; esac)\" $p" expected+="$q$q" ;;
	17) script+="case $p in *) show \"\$(printf '%s' $p)\" ;; esac" expected+=$q ;;
	18) script+="(show $p)" expected+=$q ;;
	19) script+="{ show $p; }" expected+=$q ;;
	20) script+="true && show $p || show no" expected+=$q ;;
	21) script+="x=$p; show \"\$x\"" expected+=$q ;;
	22) script+="show \"\\\"$p\\\"\" \\\"$p" expected+="\"$v\""$'\n'"\"$v"$'\n' ;;
	23) script+="show \"it's $p\"" expected+="it's $v"$'\n' ;;
	24) script+="for w in $p 'and $p'; do show \"\$w\"; done" expected+="${q}and $v"$'\n' ;;
	25) script+="show \"\${none:-$p}\" \${none:-$p} \"\${#none}\"" expected+="$q${q}0"$'\n' ;;
	26) script+="f() { show \"\$1\" $p; }; f $p" expected+="$q$q" ;;
	27) script+="show \$((1 << 2)) \$(( (3) * 2 )) $p" expected+="4"$'\n'"6"$'\n'$q ;;
	esac
	script+=$'\n'
}

# The recipe, and for each of its commands what it must print.
make_scripts() {
	local i k value script expected name commands='' params=''
	RANDOM=20240229
	mkdir "$BATS_FILE_TMPDIR/expected"
	cd "$BATS_FILE_TMPDIR" || return
	for ((i = 0; i < SCRIPTS; i++)); do
		random_value
		name=v$i
		params+="$name = $(lua_string "$value"), "
		echo "export WU_$name=$(printf '%q' "$value")" >>environment
		# shellcheck disable=SC2016
		script='show() { for a; do printf "%s\n" "$a"; done; }'$'\n' expected=''
		add_statement "$name" $((i % CONTEXTS))
		for ((k = RANDOM % 4; k > 0; k--)); do
			add_statement "$name" $((RANDOM % CONTEXTS))
		done
		printf %s "$expected" >"expected/$i"
		commands+="$(lua_string "$script"),"$'\n'
	done
	printf 'return unit { params = { %s }, commands = {\n%s} }\n' "$params" "$commands" >quoting.lua
	"$WUC" build -q -o unit quoting.lua || return
	debugfs -R "rdump /scripts ." unit/app.img 2>/dev/null
}

# The scripts in the order of their numbers, each with its environment, by one shell.
run_scripts() {
	local i script failed=0
	cd "$BATS_TEST_TMPDIR" || return
	# shellcheck disable=SC1091
	. "$BATS_FILE_TMPDIR/environment"
	for script in "$BATS_FILE_TMPDIR"/scripts/*; do
		i=$((10#$(basename "$script" | cut -d- -f1) / 10 - 1))
		"$@" "$script" >found 2>errors || echo "exit status $?" >>errors
		if ! cmp -s "$BATS_FILE_TMPDIR/expected/$i" found || [ -s errors ]; then
			echo "script $i under $*:"
			cat "$script" errors
			diff -a "$BATS_FILE_TMPDIR/expected/$i" found || true
			failed=1
		fi
	done
	assert_not_exists pwned
	[ "$failed" -eq 0 ]
}

assert_not_exists() {
	[ ! -e "$1" ] || fail "$1 was made: a value ran as a command"
}

@test "$SCRIPTS random scripts compile" {
	assert_file_exists "$BATS_FILE_TMPDIR/unit/unit.json"
	[ "$(find "$BATS_FILE_TMPDIR/scripts" -type f | wc -l)" -eq "$SCRIPTS" ]
}

@test "values reach commands byte for byte under dash" {
	command -v dash >/dev/null || skip "lacks dash"
	run_scripts dash
}

@test "values reach commands byte for byte under busybox sh" {
	command -v busybox >/dev/null || skip "lacks busybox"
	run_scripts busybox sh
}

@test "values reach commands byte for byte under bash" {
	run_scripts bash
}

@test "params.sh, params.txt, args and params.json hold the same values" {
	local iso=("$BATS_FILE_TMPDIR"/unit/params/*.iso) i value
	cd "$BATS_TEST_TMPDIR"
	for i in params.sh params.txt args params.json; do
		cd_file "${iso[0]}" "$i" >found
		mv found "$i"
	done
	# shellcheck disable=SC1091
	. "$BATS_FILE_TMPDIR/environment"
	env -0 | grep -z '^WU_v' | sed -z 's/^WU_//' | LC_ALL=C sort -z >expected
	LC_ALL=C sort -z args | cmp - expected
	tr '\n' '\0' <params.txt | LC_ALL=C sort -z | cmp - expected
	for i in "dash" "busybox sh" "bash"; do
		command -v "${i%% *}" >/dev/null || continue
		# shellcheck disable=SC2086
		env -i PATH="$PATH" $i -c '. ./params.sh; env' | grep '^WU_v' | sed 's/^WU_//' |
			LC_ALL=C sort | tr '\n' '\0' | cmp - expected
	done
	tr -d '\n' <params.json | sha256sum | cut -c1-12 >id
	assert_equal "$(basename "${iso[0]}" .iso)" "$(cat id)"
}

@test "an argv reaches its program word for word" {
	cd "$BATS_TEST_TMPDIR"
	cat >argv.lua <<-'EOF'
		return unit {
			params = { v = "it's \"a\" $b `c` *", n = 2.50 },
			command = { "printf", "%s\n", "{v}", "--x={v}{n}", "", "it's $x", "{ v }", 5, "{v" },
		}
	EOF
	"$WUC" build -q -o unit argv.lua
	cat_from unit/app.img /scripts/10-main >script
	printf '%s\n' "it's \"a\" \$b \`c\` *" "--x=it's \"a\" \$b \`c\` *2.5" "" "it's \$x" "{ v }" 5 "{v" \
		>expected
	for shell in "${SHELLS[@]}"; do
		# shellcheck disable=SC2086
		WU_v="it's \"a\" \$b \`c\` *" WU_n=2.5 $shell script | cmp - expected
	done
}

@test "numbers in arithmetic" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		return unit {
			params = { n = 7 },
			command = "echo $(({n} + 1)) $(( ({n}) << {n} )) \"$(( {n} % 4 ))\"",
		}
	EOF
	"$WUC" build -q -o unit recipe.lua
	cat_from unit/app.img /scripts/10-main >script
	for shell in "${SHELLS[@]}"; do
		# shellcheck disable=SC2086
		assert_equal "$(WU_n=7 $shell script)" "8 896 3"
	done
}

@test "a script stops at the first command that fails" {
	cd "$BATS_TEST_TMPDIR"
	echo 'return unit { command = [[false; echo no]] }' >recipe.lua
	"$WUC" build -q -o unit recipe.lua
	cat_from unit/app.img /scripts/10-main >script
	run sh script
	assert_failure 1
	assert_output ""
}

@test "a parameter in backquotes is refused: its quotes would be lost there" {
	cd "$BATS_TEST_TMPDIR"
	cat >recipe.lua <<-'EOF'
		return unit {
			params = { v = 1 },
			command = "echo \"`echo {v}`\" `awk '{print}' /dev/null`",
		}
	EOF
	run "$WUC" check recipe.lua
	assert_failure 1
	# shellcheck disable=SC2016
	assert_output 'recipe.lua:3: command: expected $(…) around {v}, found backquotes'
}
