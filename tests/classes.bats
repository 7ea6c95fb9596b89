#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Each class in which a run can end, brought about by its real cause: real guests, real
# QEMUs that are killed, disks that are really full. The last test prints the counts.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers
load run_helpers

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_causes_recipe user user ok fail signal time oom full wait
	make_causes_recipe root root panic poweroff oom-panic
	make_causes_recipe large user large
	local name
	for name in user root large; do
		"$WUC" build -q "$name.lua" -o "$name"
	done
	make_broken hangs '\xeb\xfe' # a jump to itself
	make_broken faults '\x0f\x0b'
	local ids
	mapfile -t ids < <(ids_but user wait)
	"$WURUN" run -q -j 2 user -o results --timeout 20s "${ids[@]}" 2>user.err || true
	"$WURUN" run -q -j 2 root -o root-results 2>root.err || true
}

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cd "$BATS_FILE_TMPDIR" || return
}

# bats waits for what a test that failed has left behind.
teardown() {
	[ -z "${RUNNER:-}" ] || kill -KILL "$RUNNER" 2>/dev/null || true
}

# make_causes_recipe NAME USER CAUSE…
make_causes_recipe() {
	local name=$1 user=$2
	shift 2
	cat >"$name.lua" <<-EOF
		return unit {
			name = "$name",
			base = "mini",
			app = { ["cause.sh"] = text [==[
		$(causes_script)
		]==] },
			params = grid { cause = { $(printf '"%s", ' "$@") } },
			command = "exec sh /app/cause.sh",
			output = { size = "24M" },
			machine = { cpus = 1, memory = "128M", user = "$user" },
		}
	EOF
}

causes_script() {
	cat <<-'EOF'
		echo "half of $WU_cause" >half
		case $WU_cause in
		ok) echo all >whole ;;
		fail) exit 3 ;;
		signal) kill -SEGV $$ ;;
		time) sleep 1000 ;;
		oom) exec awk 'BEGIN { for (;;) a[n++] = sprintf("%4000d", n) }' ;;
		full) cat /dev/zero >big ;;
		wait) echo waiting; sync; sleep 1000 ;;
		large) head -c 16000000 /dev/urandom >big && sync && cat big | wc -c ;;
		poweroff) sync; poweroff -f ;;
		panic) sync; echo c >/proc/sysrq-trigger; sleep 60 ;;
		oom-panic)
			sync
			echo 2 >/proc/sys/vm/panic_on_oom
			exec awk 'BEGIN { for (;;) a[n++] = sprintf("%4000d", n) }'
			;;
		esac
	EOF
}

# make_broken NAME BYTES: a unit whose kernel is these two bytes, again and again, from its
# first instruction in protected mode on.
make_broken() {
	local kernel=$1/base/kernel sectors
	cp -r user "$1"
	cp --remove-destination user/base/kernel "$kernel"
	chmod u+w "$kernel"
	sectors=$(od -An -tu1 -j 497 -N 1 "$kernel")
	# shellcheck disable=SC2059 # the bytes are escapes
	for _ in {1..2048}; do printf "$2"; done |
		dd of="$kernel" bs=512 seek=$((sectors + 1)) conv=notrunc status=none
}

id_of() {
	jq -r --arg cause "$2" '.instances[] | select(.params.cause == $cause).id' "$1/unit.json"
}

ids_but() {
	jq -r --arg cause "$2" '.instances[] | select(.params.cause != $cause).id' "$1/unit.json"
}

# expect RESULTS UNIT CAUSE CLASS REASON: and that what is there is kept as it should be.
expect() {
	local folder
	folder=$1/$(id_of "$2" "$3")
	assert_equal "$(jq -r .class "$folder/result.json")" "$4"
	run jq -r .reason "$folder/result.json"
	[ -z "$5" ] || assert_output --regexp "^$5"
	count "$4"
	if [ "$4" = ok ]; then
		assert_not_exist "$folder/partial"
	else
		assert_not_exist "$folder/files"
		assert_dir_exist "$folder/partial"
	fi
}

count() {
	echo "$1" >>"$BATS_FILE_TMPDIR/counts"
}

wait_until() {
	for _ in {1..400}; do
		"$@" && return
		sleep 0.05
	done
	fail "never came: $*"
}

# start_waiting RESULTS [OPTION…]: a guest that waits for ever, in the background.
start_waiting() {
	local results=$1
	shift
	"$WURUN" run -q user -o "$results" "$@" "$(id_of user wait)" >"$results.out" 2>"$results.err" 3>&- &
	RUNNER=$!
	is_waiting() { grep -qs waiting "$results"/.work-*/stdout; }
	wait_until is_waiting
	QEMU=$(pgrep -P "$RUNNER" -f qemu-system)
}

@test "ok" {
	expect results user ok ok ''
	assert_equal "$(cat "results/$(id_of user ok)/files/whole")" all
}

@test "app-failed: an exit status, and a signal" {
	expect results user fail app-failed '10-main: exit status 3$'
	expect results user signal app-failed '10-main: signal 11'
	assert_equal "$(cat "results/$(id_of user fail)/partial/half")" "half of fail"
}

@test "time-limit" {
	expect results user time time-limit '10-main: ended at the time limit of 20000 ms$'
}

@test "out-of-memory: a script that the guest's kernel ended, and a guest that panicked of it" {
	expect results user oom out-of-memory "10-main: the guest's memory ran out"
	expect root-results root oom-panic out-of-memory 'Kernel panic - not syncing: .*ut of memory'
}

@test "disk-full: the output disk" {
	expect results user full disk-full '10-main: the output disk is full'
}

@test "panic" {
	expect root-results root panic panic 'Kernel panic - not syncing: sysrq'
	assert_equal "$(cat "root-results/$(id_of root panic)/partial/half")" "half of panic"
}

@test "no-result: a power-off in the middle" {
	expect root-results root poweroff no-result 'the guest ended without a record$'
	assert_equal "$(cat "root-results/$(id_of root poweroff)/partial/half")" "half of poweroff"
}

@test "no-boot: a kernel that hangs, and one that faults at once" {
	local id
	id=$(id_of user ok)
	run "$WURUN" run -q hangs -o hangs-results --boot-timeout 6s "$id"
	assert_failure 125
	expect hangs-results hangs ok no-boot 'the guest said nothing in time$'
	run "$WURUN" run -q faults -o faults-results "$id"
	assert_failure 125
	expect faults-results faults ok no-boot 'the guest ended before it said anything$'
}

@test "host-error: QEMU killed from outside; --retries tries again" {
	start_waiting killed --retries 1
	kill -KILL "$QEMU"
	another() { [ "$(pgrep -P "$RUNNER" -f qemu-system)" != "$QEMU" ] && pgrep -P "$RUNNER" -f qemu-system; }
	wait_until another
	assert_equal "$(jq -r .class killed/*/result.json)" host-error
	sleep 0.3
	kill -KILL "$(pgrep -P "$RUNNER" -f qemu-system)"
	wait "$RUNNER" && status=0 || status=$?
	assert_equal "$status" 125
	expect killed user wait host-error 'QEMU was ended by signal 9'
}

# As long as the guest writes, the results' disk becomes full: it neither pauses for ever nor
# is it taken for the guest's own failure.
@test "host-error: the host's disk is full" {
	local own=(unshare --mount)
	[ "$(id -u)" -eq 0 ] || own+=(--map-root-user)
	"${own[@]}" true 2>/dev/null || skip "lacks the right to namespaces of its own"
	# shellcheck disable=SC2016 # the other shell expands them
	run "${own[@]}" sh -c 'mount -t tmpfs -o size=10M none "$1" || exit 77
		"$2" run -q large -o "$1/results" --timeout 60s 2>&1; echo "status $?"
		cat "$1"/results/*/result.json; ls -A "$1"/results' \
		sh "$(mktemp -d "$BATS_TEST_TMPDIR/full.XXXX")" "$WURUN"
	[ "$status" -ne 77 ] || skip "lacks the right to mount a tmpfs"
	assert_line "status 125"
	assert_output --partial "host-error"
	refute_output --partial .work-
	count host-error
}

@test "interrupted: Ctrl-C, and wurun killed; neither leaves a result" {
	start_waiting stopped --json
	kill -INT "$RUNNER"
	wait "$RUNNER" && status=0 || status=$?
	assert_equal "$status" 130
	assert_equal "$(jq -r 'select(.event == "ended").class' stopped.out)" interrupted
	count interrupted
	start_waiting stopped
	kill -KILL "$RUNNER"
	wait "$RUNNER" || true
	gone() { ! [ -d "/proc/$QEMU" ] || grep -q '^State:.Z' "/proc/$QEMU/status"; }
	wait_until gone
	count interrupted
	assert_equal "$(find stopped -mindepth 1 -maxdepth 1 -name '[0-9a-f]*')" ""
}

@test "every class was reached" {
	local class
	sort "$BATS_FILE_TMPDIR/counts" | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/# \2: \1/' >&3
	for class in ok app-failed time-limit out-of-memory disk-full panic no-boot no-result \
		interrupted host-error; do
		grep -qx "$class" "$BATS_FILE_TMPDIR/counts" || fail "never: $class"
	done
}
