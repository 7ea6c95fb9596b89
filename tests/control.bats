#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# control: wurun exec, put and get: with the agent of an instance that runs, and with
# strangers who answer in its stead.

# shellcheck disable=SC2154 # bats sets stderr and its lines

load helpers
load build_helpers

setup_file() {
	local id
	build_require_base
	export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	# Paths of sockets are short.
	SHORT=$(mktemp -d)
	export SHORT
	cd "$SHORT" || return
	cat >unit.lua <<-'END'
		return unit {
			name = "control",
			base = "mini",
			params = { n = "1" },
			command = [[
				echo begun; (trap '' TERM; sleep 1000) &
				until [ -e /output/go ]; do sleep 0.2; done
				ls /output; exit 3 ]],
			output = { size = "32M" },
			machine = { memory = "128M", time = "3m" },
		}
	END
	[ -e "$BATS_FILE_TMPDIR/lacks" ] && return
	"$WUC" build -q unit.lua -o unit
	"$WURUN" run unit -o results >run.out 2>&1 3>&- &
	echo $! >run.pid
	make_files
	id=$(basename unit/params/*.iso .iso)
	until "$WURUN" logs results "$id" 2>/dev/null | grep -q begun; do
		sleep 0.2
		kill -0 "$(cat run.pid)" || return 0
	done
	echo "$id" >id
}

make_files() {
	mkdir -p files/sub/deep files/none
	head -c 3000000 /dev/urandom >files/big
	: >files/empty
	truncate -s 1M files/hole
	printf '#!/bin/sh\necho run\n' >files/sub/run
	chmod 0755 files/sub/run
	ln -s ../big files/sub/link
	printf 'a\nb' >"files/sub/deep/a name
with a line"
}

teardown_file() {
	[ ! -e "$SHORT/run.pid" ] || kill "$(cat "$SHORT/run.pid")" 2>/dev/null || true
	rm -rf "$SHORT"
}

setup() {
	build_skip_if_lacking
	cd "$SHORT" || return
	[ ! -e id ] || ID=$(cat id)
}

wu() {
	local command=$1
	shift
	run --separate-stderr timeout 60 "$WURUN" "$command" "$@"
}

# --- with an agent ---

@test "exec: as the scripts' user, in their folder, with their environment" {
	# shellcheck disable=SC2016
	wu exec results "$ID" -- sh -c 'id -u; pwd; echo "$WU_n"; echo "to stderr" >&2; read -r x || echo no input'
	assert_success
	assert_output "1000
/output
1
no input"
	assert_equal "$stderr" "to stderr"
}

@test "exec: as root, by the start of the id" {
	wu exec --root results "${ID:0:4}" -- id -u
	assert_output 0
	wu exec results "${ID:0:4}" --root -- id -u
	assert_output 0
}

@test "exec: the status is the command's" {
	wu exec results "$ID" -- sh -c 'exit 7'
	assert_failure 7
	# shellcheck disable=SC2016
	wu exec results "$ID" -- sh -c 'kill -9 $$'
	assert_failure 137
	run -127 --separate-stderr timeout 60 "$WURUN" exec results "$ID" -- nosuchcommand
	assert_equal "$stderr" "wurun: $ID: nosuchcommand: No such file or directory"
	wu exec results "$ID" -- /output
	assert_failure 126
}

@test "exec: words arrive as they are" {
	# shellcheck disable=SC2016
	wu exec results "$ID" -- printf '<%s>' "a b" '' '$x' '*' $'new\nline' -n
	# shellcheck disable=SC2016
	assert_output '<a b><><$x><*><new
line><-n>'
}

@test "exec: megabytes pass, whole" {
	timeout 60 "$WURUN" exec results "$ID" -- head -c 5000000 /dev/zero >zeros
	assert_equal "$(stat -c %s zeros)" 5000000
	rm zeros
}

@test "exec: what it leaves behind ends with it, and it ends with wurun" {
	wu exec results "$ID" -- sh -c '(trap "" TERM; setsid sleep 4321) & echo left'
	assert_output left
	timeout -s KILL 3 "$WURUN" exec results "$ID" -- sleep 4322 || true
	wu exec results "$ID" -- sh -c 'ps | grep -c "[s]leep 432"'
	assert_output 0
	# the script's own lives on
	wu exec results "$ID" -- sh -c 'ps | grep -c "[s]leep 1000"'
	assert_output 1
}

@test "put and get: a tree comes back as it went" {
	wu put results "$ID" files /output
	assert_success
	wu get results "$ID" files back
	assert_success
	diff -r --no-dereference files back
	assert_equal "$(stat -c %a back/sub/run back/big | xargs)" "755 644"
	[ "$(stat -c %b back/hole)" = 0 ]
	rm -rf back
	wu exec results "$ID" -- sh -c 'rm -r files'
}

@test "put: a file replaces a file, and nothing else" {
	echo new >one
	wu put -q results "$ID" one /output/name
	assert_success
	wu put -q results "$ID" files/big one name
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: name: expected a folder for 2 sources"
	wu put -q results "$ID" files/big name
	assert_success
	wu exec results "$ID" -- sh -c 'stat -c %s name; mkdir there; ln -s /etc/passwd link; ls -A'
	assert_line 3000000
	refute_output --partial .wu-put
	wu put -q results "$ID" one /output/link
	assert_failure 1
	mv one there
	wu put -q results "$ID" there /output
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: /output/there: File exists"
	wu put results "$ID" there /etc
	assert_failure 1
	wu put results "$ID" nosuch /output
	assert_failure 1
	assert_equal "$stderr" "wurun: nosuch: No such file or directory"
	wu exec results "$ID" -- sh -c 'rm -r name there link'
}

@test "put: what fails is named with its path in the guest" {
	echo new >one
	wu put results "$ID" one /etc/passwd
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: /etc/passwd: Permission denied"
	wu exec results "$ID" -- sh -c 'mkdir -p at/files/sub/deep at/files/sub/run'
	assert_success
	wu put results "$ID" files at
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: at/files/sub/run: File exists"
	wu put results "$ID" one at/none/one
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: at/none/: No such file or directory"
	wu exec results "$ID" -- rm -r at
}

@test "put: what does not fit leaves nothing" {
	truncate -s 100M large
	wu put results "$ID" large /output
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: /output/large: No space left on device"
	wu exec results "$ID" -- ls -A /output
	refute_output --partial large
	refute_output --partial .wu-put
}

@test "get: names, what is there, what is not" {
	echo old >kept
	wu get results "$ID" /etc/passwd kept
	assert_failure 1
	assert_equal "$(cat kept)" old
	wu get --force results "$ID" /etc/passwd kept
	assert_success
	run grep -c root kept
	assert_output 1
	mkdir -p into
	wu get results "$ID" /nosuch /etc/passwd into
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: /nosuch: No such file or directory"
	assert_file_exist into/passwd
	wu get results "$ID" /proc/1/mem into
	assert_failure 1
	wu get results "$ID" . whole
	assert_success
	assert_dir_exist whole
	wu get --limit 1k results "$ID" /bin/busybox into
	assert_failure 1
	assert_file_not_exist into/busybox
	run bash -c 'ls -A . into | grep wurun-get'
	assert_failure
	rm -rf into whole kept
}

@test "get: what is neither file nor folder is left out, and said" {
	wu exec results "$ID" -- sh -c 'mkdir -p q/in; mkfifo q/in/ff; echo 1 >q/a; echo 2 >q/in/b'
	wu get results "$ID" q qo
	assert_success
	assert_output "qo: 2 files, 4 B"
	assert_equal "$stderr" "left out: q/in/ff: neither file nor folder"
	assert_file_exist qo/in/b
	assert_file_not_exist qo/in/ff
	# Named, it is an error; what it is named with comes.
	wu get results "$ID" q/in/ff zz
	assert_failure 1
	assert_output ""
	assert_equal "$stderr" "wurun: $ID: q/in/ff: neither file nor folder"
	assert_file_not_exist zz
	mkdir into
	wu get results "$ID" q/in/ff /dev/null q/a into
	assert_failure 1
	assert_output "into: 1 file, 2 B"
	assert_equal "$stderr" "wurun: $ID: q/in/ff: neither file nor folder"
	assert_equal "$(ls into)" a
	rm -r qo into
	wu exec results "$ID" -- rm -r q
}

@test "get: where nothing came, nothing is said to have come" {
	wu get results "$ID" nope .
	assert_failure 1
	assert_output ""
	assert_equal "$stderr" "wurun: $ID: nope: No such file or directory"
}

@test "get: what cannot be read is named with its path in the guest" {
	wu exec --root results "$ID" -- sh -c 'mkdir -p p/in; echo 1 >p/in/a; chmod 600 p/in/a'
	wu get results "$ID" ./p into
	assert_failure 1
	assert_equal "$stderr" "wurun: $ID: ./p/in/a: Permission denied"
	rm -rf into
	wu exec --root results "$ID" -- rm -r p
}

@test "control: two at once, one waits" {
	timeout 60 "$WURUN" exec results "$ID" -- sleep 2 &
	sleep 0.3
	wu exec results "$ID" -- echo second
	assert_output second
	wait
}

@test "control: a process that is frozen or killed in the middle stops nobody" {
	for _ in 1 2 3; do
		timeout -s KILL 0.$((RANDOM % 5 + 2)) "$WURUN" put results "$ID" files/big x || true
		timeout -s KILL 0.$((RANDOM % 5 + 2)) "$WURUN" get results "$ID" /dev/shm y || true
		timeout -s KILL 0.$((RANDOM % 5 + 2)) "$WURUN" exec results "$ID" -- yes >/dev/null || true
	done
	wu exec results "$ID" -- echo well
	assert_output well
}

@test "control: an instance that is none, or runs no more" {
	wu exec results ffffff -- true
	assert_failure 125
	assert_equal "$stderr" "wurun: ffffff: no such instance is running in results"
	wu exec nosuch "$ID" -- true
	assert_failure 125
	wu exec results "$ID"
	assert_failure 2
	wu put results "$ID" /output
	assert_failure 2
	assert_equal "$stderr" "wurun: put: expected results, an id, files and a place: wurun put RESULTS ID SRC… DEST"
	wu get results "$ID" x
	assert_failure 2
	assert_equal "$stderr" "wurun: get: expected results, an id, files and a place: wurun get RESULTS ID SRC… DEST"
}

# --- with strangers ---

# stranger KIND: someone who answers in the agent's stead.
stranger() {
	rm -rf strange dest escaped
	mkdir strange dest
	python3 "$ROOT/tests/serve/stranger.py" "$SHORT/strange" "$1" 3>&- &
	STRANGER=$!
	until [ -S strange/.work-012345678900-test/control ]; do sleep 0.05; done
}

# Nothing but what is in dest has come to be, and no work folder stays.
nothing_came() {
	run find dest
	assert_output dest
	assert_file_not_exist escaped
	assert_file_not_exist /tmp/escaped
}

@test "get: a stranger's files come where they belong" {
	stranger good
	wu get strange 0123 x dest
	assert_success
	assert_equal "$(stat -c '%s %a' dest/d/f)" "16385 640"
	kill $STRANGER
}

@test "get: nothing leads out of the folder" {
	local kind
	for kind in parent absolute dots through leave deep setuid huge trickle short nul nonsense large gone; do
		stranger $kind
		wu get strange 0123 x dest
		assert_failure 1
		[ "${#stderr_lines[@]}" -ge 1 ]
		[[ $stderr != *$'\e'* ]]
		nothing_came || { echo "$kind"; false; }
		kill $STRANGER 2>/dev/null || true
	done
}

@test "get: a link that leads out is left out, and said" {
	stranger link
	wu get strange 0123 x dest
	assert_success
	assert_equal "$stderr" "left out: out: a symbolic link that leads out of the folder"
	assert_dir_exist dest/out
	assert_not_symlink_to /etc dest/out
	kill $STRANGER
}

@test "get: a stranger's names of what is left out are weighed" {
	local kind
	stranger other
	wu get strange 0123 x dest
	assert_success
	assert_equal "$stderr" 'left out: d/\x1b[2J: neither file nor folder
left out: f: neither file nor folder'
	kill $STRANGER
	stranger others
	wu get strange 0123 x dest
	assert_success
	assert_equal "${#stderr_lines[@]}" 101
	assert_equal "${#stderr_lines[99]}" 1035
	assert_equal "${stderr_lines[100]}" "… and 5 more left out"
	kill $STRANGER
	for kind in otherpath othernul otherwhole; do
		stranger $kind
		wu get -q strange 0123 x dest
		assert_failure 1
		nothing_came
		kill $STRANGER 2>/dev/null || true
	done
}

@test "get: Ctrl-C ends it, and what it had staged goes" {
	stranger silent
	run timeout -s INT 1 env -u X "$WURUN" get strange 0123 x dest
	assert_failure
	nothing_came
	kill $STRANGER
}

@test "exec and put: a stranger's words are weighed" {
	stranger status
	wu exec strange 0123 -- true
	assert_failure 125
	kill $STRANGER 2>/dev/null || true
	stranger gone
	wu exec strange 0123 -- true
	assert_failure 125
	assert_equal "$stderr" "wurun: 012345678900: the instance has ended"
	kill $STRANGER 2>/dev/null || true
	stranger place
	wu put strange 0123 files /output
	assert_failure 1
	[[ $stderr == *"no room"* && $stderr != *$'\e'* ]]
	kill $STRANGER 2>/dev/null || true
}

# --- the end ---

@test "control: the instance ends as it would have, and says so" {
	wu exec results "$ID" -- touch /output/go
	assert_success
	wait_for_end() { while kill -0 "$(cat run.pid)" 2>/dev/null; do sleep 0.2; done; }
	timeout 60 bash -c "$(declare -f wait_for_end); wait_for_end"
	assert_equal "$(jq -r '.class, .exit_status' "results/$ID/result.json" | xargs)" "app-failed 3"
	wu exec results "$ID" -- true
	assert_failure 125
	assert_equal "$stderr" "wurun: $ID: it is not running: it has finished"
}
