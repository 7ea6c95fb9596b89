#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A sweep in which QEMU and wurun are killed at random instants, and that is continued three
# times: exactly one result of each instance, equal to an undisturbed run's.
# WU_CHAOS_COUNT: instances (24); WU_CHAOS_PERCENT: of QEMUs that are killed (20);
# WU_CHAOS_DELAY_MS: how long such a one may live (300); WU_CHAOS_OPTIONS: further options of
# `wurun run`; WU_CHAOS_SEED: of the random instants.

load helpers
load run_helpers

COUNT=${WU_CHAOS_COUNT:-24}
PERCENT=${WU_CHAOS_PERCENT:-20}
DELAY_MS=${WU_CHAOS_DELAY_MS:-300}
RANDOM=${WU_CHAOS_SEED:-1}
read -ra OPTIONS <<<"${WU_CHAOS_OPTIONS:-}"

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cd "$BATS_FILE_TMPDIR" || return
}

teardown() {
	[ -z "${RUNNER:-}" ] || kill -KILL "$RUNNER" 2>/dev/null || true
}

make_sweep() {
	cat >sweep.lua <<-EOF
		return unit {
			name = "sweep",
			base = "mini",
			params = grid { n = range(1, $COUNT) },
			command = [[
				mkdir -p a/b
				seq {n} | sha256sum >a/b/digest
				head -c \$(({n} * 1000)) /dev/zero >zeros
				ln a/b/digest hard
				echo "{\"n\": {n}}" >metrics.json
				echo "this is {n}"
				[ \$(({n} % 7)) != 3 ]
			]],
			output = { size = "8M", metrics = "metrics.json" },
			machine = { cpus = 1, memory = "128M" },
		}
	EOF
	"$WUC" build -q sweep.lua -o sweep
}

# One line an instance: what it left, but for times.
describe_results() {
	local folder
	for folder in "$1"/*/; do
		(
			cd "$folder" || exit
			jq -cS '[.id, .class, .exit_status, .reason, .params, .metrics, .key, (.output | del(.bytes))]' result.json
			find . -type f ! -name result.json ! -name console -print0 | sort -z | xargs -0 sha256sum
			ls -A
		) | sha256sum | sed "s|-|$(basename "$folder")|"
	done
}

# Of the QEMUs that wurun starts, so many in a hundred are killed, each after a random time.
disturb() {
	local runner=$1 seen=" " pid delay
	while [ -d "/proc/$runner" ]; do
		for pid in $(pgrep -P "$runner" -f qemu-system); do
			case $seen in *" $pid "*) continue ;; esac
			seen+="$pid "
			if [ $((RANDOM % 100)) -lt "$PERCENT" ]; then
				delay=$((RANDOM % DELAY_MS))
				(
					sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
					[ "$(ps -o ppid= -p "$pid" | tr -d ' ')" != "$runner" ] || {
						kill -KILL "$pid" && echo "$pid" >>killed
					}
				) &
			fi
		done
		sleep 0.05
	done
	wait
}

# Until it is killed, after so many more results, at a random instant.
run_disturbed() {
	local wanted=$1
	"$WURUN" run -j 2 --json "${OPTIONS[@]}" sweep -o disturbed >>events 2>>errors 3>&- &
	RUNNER=$!
	disturb "$RUNNER" 3>&- &
	local disturber=$!
	while [ -d "/proc/$RUNNER" ] && [ "$(find disturbed -maxdepth 1 -name '[0-9a-f]*' 2>/dev/null | wc -l)" -lt "$wanted" ]; do
		sleep 0.2
	done
	sleep "0.$((RANDOM % 100))"
	kill -KILL "$RUNNER" 2>/dev/null && echo "$RUNNER" >>killed-runners
	wait "$RUNNER" || true
	RUNNER=
	wait "$disturber" || true
}

@test "killed at random, continued three times: the results of an undisturbed run" {
	local status=0
	: >killed
	: >killed-runners
	make_sweep
	"$WURUN" run -q -j 2 "${OPTIONS[@]}" sweep -o calm 2>/dev/null || status=$?
	assert_equal "$status" 1
	for part in 1 2 3; do
		run_disturbed $((COUNT * part / 4))
	done
	# The last one is not killed, only its QEMUs; it tries again what they took along.
	status=0
	"$WURUN" run -j 2 --json --retries 9 "${OPTIONS[@]}" sweep -o disturbed >>events 2>>errors 3>&- &
	RUNNER=$!
	disturb "$RUNNER" 3>&- &
	wait "$RUNNER" || status=$?
	RUNNER=
	wait
	assert_equal "$status" 1
	echo "# $COUNT instances; QEMU killed $(wc -l <killed) times, wurun $(wc -l <killed-runners) times" >&3

	describe_results calm >calm.list
	describe_results disturbed >disturbed.list
	assert_equal "$(wc -l <calm.list)" "$COUNT"
	diff calm.list disturbed.list
	assert_equal "$(find disturbed -name '.work-*')" ""
	# What had its result was not run again: each ended for good once at most. A line that a
	# killed wurun left half is nobody's.
	run jq -rRs '[split("\n")[] | fromjson? | select(.event == "ended" and .class != "host-error")]
		| group_by(.id) | map(length) | max' events
	assert_output 1
	# And nothing is left to do.
	WURUN_QEMU=/bin/false run "$WURUN" run sweep -o disturbed
	assert_failure 1
	assert_line --regexp "^sweep: [0-9]+ ok before, [0-9]+ failed before"
}
