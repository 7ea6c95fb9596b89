#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `wurun submit` without a cluster: what it writes, what it would do, what it refuses.

# shellcheck disable=SC2154 # bats sets stderr

load helpers
load build_helpers

setup_file() {
	build_require_base
	cd "$BATS_FILE_TMPDIR" || return
	cat >sweep.lua <<-'EOF2'
		return unit {
			name = "sweep",
			params = grid { n = { 1, 2, 3, 4, 5, 6, 7 } },
			command = "true",
			output = { size = "2M" },
			machine = { cpus = 2, memory = "200M", time = "10m" },
		}
	EOF2
	[ -e "$BATS_FILE_TMPDIR/lacks" ] || "$WUC" build -q sweep.lua -o "a 'unit'"
}

setup() {
	build_skip_if_lacking
	cd "$BATS_FILE_TMPDIR" || return
	UNIT="a 'unit'"
	# Where no cluster's programs are.
	mkdir "$BATS_TEST_TMPDIR/bin"
	NOWHERE=$BATS_TEST_TMPDIR/bin
}

@test "slurm: -n writes an array's files and prints the command" {
	run --separate-stderr env PATH="$NOWHERE" "$WURUN" submit slurm "$UNIT" -n -o "it's" -p 3 \
		--throttle 2 -- --account='phys ics'
	assert_success
	local folder name
	folder=$(echo "$PWD/it's/.submit/sweep-"*)
	name=${folder##*/}
	assert_equal "${stderr_lines[1]}" \
		"sweep: 7 instances would be submitted in 3 tasks; results in it's"
	# The command is read by a shell as it is printed.
	eval "set -- $output"
	assert_equal "$(printf '%s\n' "$@")" "$(printf '%s\n' sbatch --parsable --job-name="$name" \
		--array=1-3%2 --nodes=1 --ntasks=1 --cpus-per-task=2 --mem=456M --time=38 \
		--signal=B:USR1@120 --requeue --open-mode=append --chdir="$folder" \
		--output="$folder/task-%a.log" --account='phys ics' "$folder/task.sh")"
	assert_equal "$(cat "$folder/tasks")" "$(cat "$ROOT/tests/condor/tasks")"
	run ls "$folder"
	assert_output "$(printf 'task.sh\ntasks')"
	sh -n "$folder/task.sh"
}

@test "slurm: the time is the user's, in place of the unit's" {
	run --separate-stderr env PATH="$NOWHERE" "$WURUN" submit slurm "$UNIT" -n -o time --time 2h30m
	assert_success
	assert_output --partial ' --time=150 '
}

@test "condor: a submit description" {
	run --separate-stderr "$WURUN" submit condor "$UNIT" -n -o condor --pack 3
	assert_success
	local folder
	folder=$(echo "$PWD"/condor/.submit/sweep-*)
	assert_output "cd $folder && condor_submit condor.sub"
	run diff "$ROOT/tests/condor/condor.sub" "$folder/condor.sub"
	assert_success
	run diff "$ROOT/tests/condor/tasks" "$folder/tasks"
	assert_success
	run grep -c "TASK=\${1:-}" "$folder/task.sh"
	assert_output 1
}

@test "check: which instances lack a result" {
	run --separate-stderr "$WURUN" submit check "$UNIT" -o unchecked
	assert_failure 125
	assert_output ""
	assert_regex "$stderr" '^wurun: unchecked: 7 without a result, [0-9a-f]{12} among them$'
}

refuse() {
	local status=$1 message=$2
	shift 2
	run --separate-stderr env PATH="$NOWHERE" "$WURUN" submit "$@"
	assert_failure "$status"
	assert_output ""
	assert_equal "${stderr_lines[0]}" "wurun: $message"
}

@test "what cannot be done is said" {
	refuse 125 "slurm: sbatch: not found in PATH: this is for a host from which jobs are submitted (Debian: apt install slurm-client)" \
		slurm "$UNIT" -o refused
	refuse 125 "condor: condor_submit: not found in PATH: this is for a host from which jobs are submitted; -n only writes the files" \
		condor "$UNIT" -o refused
	refuse 125 "slurm: $PWD/back\\slash: a backslash in its path: Slurm could not name logs there" \
		slurm "$UNIT" -n -o 'back\slash'
	refuse 125 "nowhere: No such file or directory" slurm nowhere
	refuse 2 "submit: expected a cluster's engine and a unit: wurun submit slurm UNIT or wurun submit condor UNIT" slurm
	refuse 2 "submit: expected a cluster's engine and a unit: wurun submit slurm UNIT or wurun submit condor UNIT" lsf "$UNIT"
	refuse 2 "submit slurm: expected one unit; options for sbatch stand behind --" slurm "$UNIT" more
	refuse 2 "submit condor: --throttle and --time are for slurm" condor "$UNIT" --time 1h
	refuse 2 "submit condor: nothing may stand behind --" condor "$UNIT" -- -p x
	refuse 2 'submit: --pack: expected a whole number from 1 to 1000000, found "0"' slurm "$UNIT" --pack 0
	refuse 2 'submit: --time: expected a time as in "90m" or "12h", found "1:30:00"' slurm "$UNIT" --time 1:30:00
	# Nothing stays of what was not submitted.
	assert_equal "$(ls refused/.submit)" "lock"
}
