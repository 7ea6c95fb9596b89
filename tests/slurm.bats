#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `wurun submit slurm` on a real cluster of two nodes, with real guests.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be
# shellcheck disable=SC2154 # bats sets stderr
# shellcheck disable=SC2016 # scripts for guests

load helpers
load build_helpers
load slurm_helpers

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	build_require_base
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || return 0
	export CLUSTER
	slurm_start "$BATS_FILE_TMPDIR/cluster"
	[ ! -e "$CLUSTER/lacks" ] || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_unit sweep '{ 1, 2, 3, 4, 5, 6, 7, 8 }' 'echo "case $WU_n"; echo $((WU_n * WU_n)) >square'
	make_unit slow '{ 1, 2, 3, 4 }' 'sleep 6; echo $((WU_n * WU_n)) >square'
	make_unit one '{ 1 }' true
	make_unit long '{ 1, 2 }' 'sleep 300'
	make_unit bad '{ "status", "panic" }' 'case $WU_n in
		status) exit 125 ;;
		panic) echo c >/proc/sysrq-trigger; sleep 60 ;;
		esac'
	# Slurm looks every 30 seconds whether it has to warn: this goes on beside the others.
	mkdir out-of-time
	TMPDIR=$PWD/out-of-time "$WURUN" submit slurm long --pack 2 --time 1m -- --nodelist=n2
}

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	build_skip_if_lacking
	slurm_skip_if_lacking
	cd "$BATS_FILE_TMPDIR" || return
}

teardown() {
	[ -z "${CLUSTER:-}" ] || [ -e "$CLUSTER/lacks" ] || squeue -h -o '%A %j' | grep -v ' long-' | cut -d' ' -f1 |
		xargs -r scancel
}

teardown_file() {
	slurm_stop
}

# make_unit NAME VALUES SCRIPT
make_unit() {
	cat >"$1.lua" <<-EOF
		return unit {
			name = "$1",
			params = grid { n = $2 },
			command = [==[$3]==],
			output = { size = "2M" },
			machine = { memory = "128M", time = "2m", user = "root" },
		}
	EOF
	"$WUC" build -q "$1.lua" -o "$1"
}

ids_of() {
	jq -r '.instances[].id' "$1/unit.json" | sort
}

# what_came_out RESULTS: all that does not tell of times and hosts.
what_came_out() (
	cd "$1" || exit
	for id in [0-9a-f]*; do
		echo "$id $(jq -c '[.class, .exit_status, .params, .key, .metrics]' "$id/result.json")"
		(cd "$id" && find stdout stderr files -type f -exec sha256sum {} + | sort)
	done
)

is_running() {
	[ -n "$(find "$1" -maxdepth 2 -path '*/.work-*/status.json' -exec grep -l '"running"' {} +)" ]
}

# has_said RESULTS TEXT: a task has, in its log.
has_said() {
	cat "$1"/.submit/*/task-*.log 2>/dev/null | grep -q "$2"
}

# assert_clean RESULTS SCRATCH: nothing is left of the runs themselves.
assert_clean() {
	assert_equal "$(find "$1" -maxdepth 1 -name '.work-*')" ""
	assert_equal "$(find "$2" -maxdepth 1 -name 'wurun-*')" ""
}

@test "a sweep gives the same through Slurm as here" {
	local out="shared/it's 100% a
sweep"
	export TMPDIR=$BATS_TEST_TMPDIR
	"$WURUN" run -q sweep -o here -j 2 >/dev/null

	# Eight instances, two a task; three tasks an array, as this cluster has it.
	run --separate-stderr "$WURUN" submit slurm sweep -o "$out" --pack 2
	assert_success
	assert_equal "${#lines[@]}" 2
	assert_regex "$stderr" '^sweep: 8 instances submitted in 4 tasks; results in '
	assert_equal "$(cat "$out"/.submit/*/job | sort -n)" "$output"
	assert_equal "$(cut -d' ' -f2- "$out"/.submit/*/tasks | tr ' ' '\n' | sort)" "$(ids_of sweep)"

	# What is underway is not sent again; how far it is can be seen meanwhile.
	run --separate-stderr "$WURUN" submit slurm sweep -o "$out"
	assert_success
	assert_output ""
	assert_regex "$stderr" '^sweep: nothing to submit'
	run "$WURUN" status "$out"
	assert_success
	assert_output --partial "of 8 finished"

	slurm_wait_until 100 slurm_is_done "$out"
	run diff <(what_came_out here) <(what_came_out "$out")
	assert_success
	assert_equal "$(cd "$out" && ls)" "$(ids_of sweep)"
	assert_clean "$out" "$TMPDIR"
	run "$WURUN" collect "$out" sweep
	assert_success
	run --separate-stderr "$WURUN" submit slurm sweep -o "$out"
	assert_success
	assert_equal "$output$stderr" "sweep: nothing to submit, 8 with a result; results in $out"
}

@test "a node that dies takes no result along" {
	export TMPDIR=$BATS_TEST_TMPDIR
	"$WURUN" submit slurm slow
	slurm_wait_until 40 is_running results/slow
	[ -n "$(slurm_tasks n1)" ]
	slurm_kill_node n1
	sleep 4
	slurm_start_node n1
	slurm_wait_until 120 slurm_is_done results/slow
	assert_equal "$(cd results/slow && ls)" "$(ids_of slow)"
	assert_equal "$(cat results/slow/*/files/square | sort -n | tr '\n' ' ')" "1 4 9 16 "
	# A task ran twice, and only one that was killed.
	run grep -h -c '^task [0-9]*: on ' results/slow/.submit/*/task-*.log
	assert_line 2
	refute_line 3
	assert_equal "$(find results/slow -maxdepth 1 -name '.work-*')" ""
}

@test "what fails on the host's side goes back into the queue" {
	export WURUN_QEMU=$BATS_TEST_TMPDIR/qemu
	"$WURUN" submit slurm one
	slurm_wait_until 30 has_said results/one 'back into the queue'
	ln -s "$(command -v qemu-system-x86_64)" "$WURUN_QEMU"
	slurm_wait_until 60 slurm_is_done results/one
	assert_equal "$(ls results/one)" "$(ids_of one)"
	assert_equal "$(grep -c 'back into the queue' results/one/.submit/*/task-1.log)" 1
}

@test "no guest can send itself back into the queue" {
	"$WURUN" submit slurm bad
	slurm_wait_until 60 slurm_is_done results/bad
	assert_equal "$(jq -r .class results/bad/*/result.json | sort | tr '\n' ' ')" "app-failed panic "
	run cat results/bad/.submit/*/task-*.log
	refute_output --partial 'back into the queue'
	assert_equal "$(grep -c '^task [0-9]: on ' <<<"$output")" 2
}

@test "a task that is out of time is interrupted, and the next submit sends the rest" {
	slurm_wait_until 90 slurm_is_done results/long
	run cat results/long/.submit/*/task-1.log
	assert_output --partial 'task 1: on n2'
	assert_output --partial 'task 1: interrupted'
	refute_output --partial 'back into the queue'
	assert_equal "$(ls results/long)" ""
	assert_clean results/long out-of-time
	run --separate-stderr "$WURUN" submit slurm long
	assert_regex "$stderr" '^long: 2 instances submitted in 2 tasks; '
	scancel "$output"
}

@test "what Slurm refuses is said in a line" {
	run --separate-stderr "$WURUN" submit slurm slow -o refused -- --partition=none
	assert_failure 125
	assert_output ""
	assert_equal "$stderr" "wurun: slurm: sbatch: invalid partition specified: none"
	assert_equal "$(ls refused/.submit)" "lock"
	echo Nonsense=1 >nonsense.conf
	SLURM_CONF=$PWD/nonsense.conf run --separate-stderr "$WURUN" submit slurm slow -o refused
	assert_failure 125
	assert_equal "${#stderr_lines[@]}" 1
}
