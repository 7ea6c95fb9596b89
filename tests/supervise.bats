#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A sweep that is looked at and shared while it runs: status, logs, collect; two runs on one
# folder, retries, a scratch folder, memory that is short. Real guests all along.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers
load run_helpers

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_sweep sweep 'n = range(1, 4)'
	make_sweep grown 'n = range(1, 6)'
	make_sweep slow 'n = { 100, 200, 300 }'
	"$WURUN" run -q -j 2 sweep -o results
}

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cd "$BATS_FILE_TMPDIR" || return
	SCRATCH=$BATS_TEST_TMPDIR
}

# bats waits for what a test that failed has left behind.
teardown() {
	[ -z "${RUNNER:-}" ] || kill -KILL "$RUNNER" 2>/dev/null || true
}

# make_sweep NAME PARAMETERS: instances whose n is over 99 take a while.
make_sweep() {
	cat >"$1.lua" <<-EOF
		return unit {
			name = "sweep",
			base = "mini",
			app = { ["work.sh"] = text [==[
		$(work_script)
		]==] },
			params = grid { $2 },
			command = "exec sh /app/work.sh",
			output = { size = "8M", metrics = "metrics.json" },
			machine = { cpus = 1, memory = "128M" },
		}
	EOF
	"$WUC" build -q "$1.lua" -o "$1"
}

work_script() {
	cat <<-'EOF'
		echo "n is $WU_n"
		printf 'hostile \033]0;title\007\033[31m\n' >&2
		mkdir -p a/b
		echo $((WU_n * WU_n)) >a/b/square
		ln a/b/square hard
		ln -s a/b/square soft
		echo "{\"square\": $((WU_n * WU_n)), \"fit\": {\"half\": $((WU_n / 2)).5, \"good\": true}, \"note\": \"a, \\\"b\\\"\"}" >metrics.json
		if [ "$WU_n" -gt 99 ]; then
			wu-progress 0.42 "fitting $(printf '\033[5m') $WU_n"
			sleep 3
			echo "later"
			sleep 20
		fi
	EOF
}

id_of() {
	jq -r --argjson n "$2" '.instances[] | select(.params.n == $n).id' "$1/unit.json"
}

wait_until() {
	for _ in {1..400}; do
		"$@" && return
		sleep 0.05
	done
	fail "never came: $*"
}

# start_slow RESULTS [OPTION…]: in the background, until a guest tells how far it is.
start_slow() {
	local results=$1
	shift
	"$WURUN" run -q slow -j 2 -o "$results" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" 3>&- &
	RUNNER=$!
	is_computing() { grep -qs fraction "$results"/.work-"$(id_of slow 100)"*/status.json; }
	wait_until is_computing
}

stop_slow() {
	kill -INT "$RUNNER"
	wait "$RUNNER" || true
	RUNNER=
}

# The same results, but for times: files, logs, metrics, class.
digest_results() {
	(
		cd "$1" || exit
		find ./*/ -type f ! -name result.json -printf '%p %m %n\n' | sort
		find ./*/ -type l -printf '%p %l\n' | sort
		find ./*/ -type f ! -name result.json -print0 | sort -z | xargs -0 sha256sum
		jq -cS '[.id, .class, .exit_status, .params, .metrics, .key, (.output | del(.bytes))]' ./*/result.json
	) | sha256sum
}

@test "status and logs of a sweep that runs, from another terminal" {
	start_slow "$SCRATCH/r"
	local id
	id=$(id_of slow 100)
	run -0 "$WURUN" status "$SCRATCH/r"
	assert_line "sweep: 0 of 3 finished, 2 running, 1 to do"
	assert_line --regexp "^  $id  running +[0-9.]+ s  \[########-{12}\]  42 %  fitting .* 100  on "
	refute_output --partial $'\033'
	"$WURUN" status --json "$SCRATCH/r" >"$SCRATCH/status"
	run jq -r --arg id "$id" '.running[] | select(.id == $id) |
		[.state, .fraction, .attempt, .script, .silent, .heard_s < 10, .pid > 0] | @json' "$SCRATCH/status"
	assert_output '["running",0.42,1,"10-main",false,true,true]'
	run jq -r '[.total, .finished, .to_do, .classes.ok] | @json' "$SCRATCH/status"
	assert_output '[3,0,1,0]'
	# An id's beginning is enough where it is the only one.
	run -0 "$WURUN" logs "$SCRATCH/r" "${id%???}"
	assert_line --index 0 "n is 100"
	# Following it, what comes later comes; and it ends when the instance does.
	timeout 60 "$WURUN" logs -f "$SCRATCH/r" "$id" >"$SCRATCH/followed" 3>&- &
	local follower=$!
	wait_until grep -q later "$SCRATCH/followed"
	stop_slow
	wait "$follower"
	assert_equal "$(cat "$SCRATCH/followed")" $'n is 100\nlater'
	run -0 "$WURUN" status "$SCRATCH/r"
	assert_output "sweep: 0 of 3 finished, 0 running, 3 to do"
	run "$WURUN" logs "$SCRATCH/r" "$id"
	assert_failure 1
	assert_output "wurun: $id: it has not begun (with -f its log is waited for)"
}

@test "a guest whose heartbeat stops is told from one that computes" {
	start_slow "$SCRATCH/r"
	local qemu
	qemu=$(pgrep -P "$RUNNER" -f qemu-system | head -n 1)
	kill -STOP "$qemu"
	is_silent() { "$WURUN" status "$SCRATCH/r" | grep -q 'silent for 1[0-9]'; }
	wait_until is_silent
	run jq -c '.running | map(.silent) | sort' <("$WURUN" status --json "$SCRATCH/r")
	assert_output '[false,true]'
	kill -CONT "$qemu"
	is_heard() { ! "$WURUN" status "$SCRATCH/r" | grep -q silent; }
	wait_until is_heard
	stop_slow
}

@test "logs: what a guest writes drives no terminal, and a pipe gets the bytes" {
	local id
	id=$(id_of sweep 2)
	"$WURUN" logs --stderr results "$id" >"$SCRATCH/bytes"
	assert_equal "$(cat "$SCRATCH/bytes")" "$(cat "results/$id/stderr")"
	grep -q $'\033' "$SCRATCH/bytes"
	script -qec true /dev/null >/dev/null 2>&1 || skip "lacks pseudo-terminals: /dev/pts"
	run script -qec "\"$WURUN\" logs --stderr results $id" /dev/null
	assert_output --partial 'hostile \x1b]0;title\x07\x1b[31m'
	refute_output --partial $'\033'
	run "$WURUN" logs results zzz
	assert_failure 1
	assert_output "wurun: zzz: no such instance in results"
}

@test "status: exit status, and folders that are none" {
	run -0 "$WURUN" status results
	assert_line "sweep: 4 of 4 finished, 0 running, 0 to do"
	assert_line "      4  ok"
	mkdir "$SCRATCH/empty"
	run "$WURUN" status "$SCRATCH/empty"
	assert_failure 125
	assert_output "wurun: $SCRATCH/empty: no results in it"
	run "$WURUN" status nowhere
	assert_failure 125
}

@test "collect: a row an instance, in the sweep's order" {
	run -0 "$WURUN" collect results
	assert_output "results/results.csv: 4 rows"
	run -0 cut -d , -f 1-7 results/results.csv
	assert_line --index 0 'id,n,fit.good,fit.half,note,square,class'
	run -0 "$WURUN" collect -o - results
	assert_line --index 2 --regexp "^$(id_of sweep 2),2,TRUE,1.5,\"a, \"\"b\"\"\",4,ok,0,,[0-9.]+,[0-9.]+,[0-9]+,(tcg|kvm),20[0-9-]+T[0-9:]+Z\$"
	"$WURUN" collect --json results
	assert_equal "$(jq -c 'map([.id, .n, .square, .["fit.good"], .note, .class])' results/results.json)" \
		"$(for n in 1 2 3 4; do jq -cn --arg id "$(id_of sweep $n)" "[\$id, $n, $((n * n)), true, \"a, \\\"b\\\"\", \"ok\"]"; done | jq -cs .)"
	# A unit says which rows there are, and in which order.
	run -0 "$WURUN" collect -o - results grown
	assert_equal "${#lines[@]}" 5
	run "$WURUN" collect nowhere
	assert_failure 125
	rm results/results.*
}

@test "collect: R reads it" {
	command -v Rscript >/dev/null || skip "lacks R (r-base-core)"
	"$WURUN" collect -o "$SCRATCH/r.csv" results
	# shellcheck disable=SC2016 # $ is R's
	run -0 Rscript -e 'd <- read.csv(commandArgs(TRUE)[1]); str(d)
		stopifnot(nrow(d) == 4, d$square == c(1, 4, 9, 16), is.logical(d$fit.good), all(d$fit.good),
			d$note[1] == "a, \"b\"", all(is.na(d$signal)), is.numeric(d$wall_s), d$n == 1:4)' "$SCRATCH/r.csv"
}

@test "collect: pandas reads it" {
	local python
	for python in /usr/bin/python3 python3; do
		! "$python" -c 'import pandas' 2>/dev/null || break
	done
	"$python" -c 'import pandas' 2>/dev/null || skip "lacks pandas (python3-pandas)"
	"$WURUN" collect -o "$SCRATCH/p.csv" results
	"$WURUN" collect --json -o "$SCRATCH/p.json" results
	run -0 "$python" - "$SCRATCH/p.csv" "$SCRATCH/p.json" <<-'EOF'
		import sys, pandas
		for d in pandas.read_csv(sys.argv[1]), pandas.read_json(sys.argv[2]):
		    assert list(d["square"]) == [1, 4, 9, 16]
		    assert d["fit.good"].dtype == bool and d["fit.good"].all()
		    assert d["note"][0] == 'a, "b"' and d["wall_s"].dtype == float
	EOF
}

@test "two runs on one folder share the work" {
	"$WURUN" run -j 1 --json grown -o "$SCRATCH/r" >"$SCRATCH/one" 2>&1 3>&- &
	"$WURUN" run -j 1 --json grown -o "$SCRATCH/r" >"$SCRATCH/other" 2>&1 3>&- &
	wait %1
	wait %2
	run jq -rs 'map(select(.event == "ended")) | [length, (map(.id) | unique | length), (map(.class) | unique)] | @json' \
		"$SCRATCH/one" "$SCRATCH/other"
	assert_output '[6,6,["ok"]]'
	[ "$(jq -rs 'map(select(.event == "ended")) | length' "$SCRATCH/one")" -ge 1 ]
	[ "$(jq -rs 'map(select(.event == "ended")) | length' "$SCRATCH/other")" -ge 1 ]
	assert_equal "$(wc -l <"$SCRATCH/r/.journal")" 6
}

@test "a sweep that grew runs only what is new; a journal that is lost costs nothing else" {
	cp -a results "$SCRATCH/r"
	run -0 "$WURUN" run grown -o "$SCRATCH/r"
	assert_line "sweep: 2 ok, 4 ok before; results in $SCRATCH/r"
	rm "$SCRATCH/r/.journal"
	WURUN_QEMU=/bin/false run -0 "$WURUN" run grown -o "$SCRATCH/r"
	assert_line "sweep: 6 ok before; results in $SCRATCH/r"
	assert_equal "$(wc -l <"$SCRATCH/r/.journal")" 6
	# A folder that was removed is run again, whatever the journal says.
	rm -r "$SCRATCH/r/$(id_of grown 5)"
	run -0 "$WURUN" run grown -o "$SCRATCH/r"
	assert_line "sweep: 1 ok, 5 ok before; results in $SCRATCH/r"
}

@test "--scratch: the same results, and nothing stays in the scratch folder" {
	run -0 "$WURUN" run -q -j 2 sweep -o "$SCRATCH/r" --scratch "$SCRATCH/local/disk"
	assert_equal "$(ls -A "$SCRATCH/local/disk")" ""
	assert_equal "$(digest_results "$SCRATCH/r")" "$(digest_results results)"
	assert_equal "$(find "$SCRATCH/r" -name '.work-*')" ""
	# Disk and result are made there; what tells of the run is with the results.
	start_slow "$SCRATCH/r" --scratch "$SCRATCH/local/disk"
	assert_exist "$(echo "$SCRATCH"/local/disk/.work-"$(id_of slow 100)"-*/output.img)"
	assert_not_exist "$(echo "$SCRATCH"/r/.work-"$(id_of slow 100)"-*/output.img)"
	kill -KILL "$RUNNER"
	wait "$RUNNER" || true
	run -0 "$WURUN" run -q sweep -o "$SCRATCH/r" --scratch "$SCRATCH/local/disk"
	assert_equal "$(find "$SCRATCH" -name '.work-*')" ""
}

# The guests' memory in a group that holds two of them.
@test "where memory holds two guests, the third waits" {
	local group
	group=$(make_memory_group 520) || skip "lacks the right to make a memory control group"
	run bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$WURUN" run -j 4 sweep -o "$SCRATCH/r"
	local events
	events=$(cat "$group"/memory.oom_control "$group"/memory.events 2>/dev/null | awk '$1 == "oom_kill" {n += $2} END {print n + 0}')
	rmdir "$group"
	assert_success
	assert_line --regexp '^wurun: memory holds no more than the [12] that run now; others wait for it$'
	assert_line "sweep: 4 ok; results in $SCRATCH/r"
	assert_equal "$events" 0
}

# make_memory_group MIB: prints its folder.
make_memory_group() {
	local self file
	if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
		self=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup) file=memory.limit_in_bytes
		[ -d "$self" ] || self=/sys/fs/cgroup/memory
	else
		self=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup) file=memory.max
	fi
	self=${self%/}/wu-test-$$
	mkdir "$self" 2>/dev/null || return 1
	if echo $(($1 << 20)) >"$self/$file"; then
		echo "$self"
	else
		rmdir "$self"
		return 1
	fi 2>/dev/null
}
