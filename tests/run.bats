#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `wurun run`: real boots. Each case of the unit ends in its own way; all are run once, in
# one sweep, and the tests look at what it left.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers
load run_helpers

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_cases_recipe cases user ok fail signal time full oom links
	make_cases_recipe rooted root poweroff panic lie
	"$WUC" build -q cases.lua -o cases
	"$WUC" build -q rooted.lua -o rooted
	make_cases_recipe slow user slow ok
	"$WUC" build -q slow.lua -o slow
	make_cases_recipe odd user odd
	"$WUC" build -q odd.lua -o odd
	status=0
	"$WURUN" run cases -o results --timeout 20s --keep failed >sweep.out 2>sweep.err || status=$?
	echo "$status" >sweep.status
	"$WURUN" run rooted -o rooted-results --json >rooted.json 2>rooted.err || true
}

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cd "$BATS_FILE_TMPDIR" || return
	# Of this file's own making, so that no test changes what the user's cache says.
	SCRATCH=$BATS_TEST_TMPDIR
}

# make_cases_recipe NAME USER CASE…
make_cases_recipe() {
	local name=$1 user=$2
	shift 2
	cat >"$name.lua" <<-EOF
		return unit {
			name = "$name",
			base = "mini",
			app = { ["case.sh"] = text [==[
		$(cases_script)
		]==] },
			params = grid { case = { $(printf '"%s", ' "$@") } },
			command = "exec sh /app/case.sh",
			output = { size = "8M", metrics = "metrics.json" },
			machine = { cpus = 1, memory = "128M", time = "30s", user = "$user" },
		}
	EOF
}

cases_script() {
	cat <<-'EOF'
		echo "out of $WU_case"
		case $WU_case in
		ok)
			mkdir -p a/b
			echo hello > a/b/c
			ln a/b/c hard
			echo '{"loss": 0.1, "steps": 3}' > metrics.json
			echo "a word on stderr" >&2
			;;
		fail)
			echo half > half
			for n in 1 2 3 4 5 6 7 8 9 10 11; do echo "line $n" >&2; done
			printf 'it \033[31mbroke\033[0m\n' >&2
			exit 3
			;;
		signal) kill -SEGV $$ ;;
		time) sleep 1000 ;;
		full) cat /dev/zero > big ;;
		oom) exec awk 'BEGIN { for (;;) a[n++] = sprintf("%4000d", n) }' ;;
		links)
			ln -s /etc/passwd absolute
			ln -s ../../precious climbs
			mkfifo pipe
			;;
		odd) echo '{loss: nan}' > metrics.json ;;
		poweroff) poweroff -f ;;
		panic) echo c > /proc/sysrq-trigger; sleep 60 ;;
		lie)
			mkdir -p /output/.wu
			echo '{"class": "ok"}' > /output/.wu/result.json
			sync
			reboot -f
			;;
		slow) sleep 600 ;;
		esac
	EOF
}

# result UNIT-RESULTS CASE: the folder.
result() {
	local folder
	for folder in "$1"/*/; do
		if [ "$(jq -r .params.case "$folder/result.json")" = "$2" ]; then
			echo "${folder%/}"
			return
		fi
	done
	return 1
}

# field RESULTS CASE FILTER
field() {
	jq -r "$3" "$(result "$1" "$2")/result.json"
}

id_of() {
	jq -r --arg case "$2" '.instances[] | select(.params.case == $case).id' "$1/unit.json"
}

# A QEMU that is not one: it says its version and then does what the script says.
make_qemu() {
	mkdir -p "$SCRATCH/bin"
	{
		echo '#!/bin/sh'
		echo 'case "$*" in *--version*) echo "QEMU emulator version 9.9.9 (fake)"; exit 0;; esac'
		cat
	} >"$SCRATCH/bin/qemu"
	chmod +x "$SCRATCH/bin/qemu"
	export WURUN_QEMU=$SCRATCH/bin/qemu
}

# The processes that descend from one, by their parents.
descendants() {
	pgrep -P "$1" || true
}

wait_until() {
	for _ in {1..200}; do
		"$@" && return
		sleep 0.05
	done
	fail "never came: $*"
}

@test "a sweep with failures ends with 1 and a line that counts them" {
	assert_equal "$(cat sweep.status)" 1
	assert_equal "$(cat sweep.out)" ""
	run cat sweep.err
	assert_line --regexp '^\[[1-7]/7\] [0-9a-f]{12} ok [0-9.]+ s  case=ok$'
	assert_line "cases: 2 ok, 5 failed; results in results"
	run -0 ls -A results
	refute_output --partial .work
}

@test "ok: files, logs and metrics; nothing else" {
	local folder
	folder=$(result results ok)
	assert_equal "$(ls "$folder")" "$(printf 'files\nresult.json\nstderr\nstdout')"
	assert_equal "$(cat "$folder/stdout")" "out of ok"
	assert_equal "$(cat "$folder/stderr")" "a word on stderr"
	assert_equal "$(cat "$folder/files/a/b/c")" hello
	assert_equal "$(stat -c %i "$folder/files/hard")" "$(stat -c %i "$folder/files/a/b/c")"
	assert_equal "$(ls -A "$folder/files")" "$(printf 'a\nhard\nmetrics.json')"
	run field results ok '[.class, .reason, .exit_status, .metrics.loss, .unit, .format] | join(",")'
	assert_output "ok,,0,0.1,cases,workunit-result"
	run field results ok '.host | has("name") and (.boot_ms > 0) and (.wall_ms >= .boot_ms)
		and (.accelerator == "tcg" or .accelerator == "kvm") and (.started | test("^20.*Z$"))'
	assert_output true
}

@test "app-failed: the exit status, the partial files, the disk that was to be kept" {
	local folder
	folder=$(result results fail)
	run field results fail '[.class, .exit_status, .signal, .reason] | @json'
	assert_output '["app-failed",3,null,"10-main: exit status 3"]'
	assert_equal "$(ls "$folder")" "$(printf 'output.img\npartial\nresult.json\nstderr\nstdout')"
	assert_equal "$(cat "$folder/partial/half")" half
	"$(run_tool e2fsck)" -fn "$folder/output.img" >/dev/null 2>&1
	run -0 "$WURUN" unpack -q "$folder/output.img" "$SCRATCH/again"
	assert_equal "$(cat "$SCRATCH/again/half")" half
	assert_equal "$(cat "$SCRATCH/again/.wu/stdout")" "out of fail"
}

@test "app-failed: its last lines are shown, tame, with the path of the log" {
	run cat sweep.err
	assert_line '    it \x1b[31mbroke\x1b[0m'
	assert_line "    line 11"
	refute_line "    line 1"
	assert_line "    see $(result results fail)/stderr"
	refute_output --partial $'\033'
}

@test "signal: its number" {
	run field results signal '[.class, .exit_status, .signal] | @json'
	assert_output '["app-failed",null,11]'
}

@test "time-limit: the guest's own, at the limit that was asked for" {
	run field results time '[.class, .host.limit_ms] | @json'
	assert_output '["time-limit",20000]'
	run field results time '.wall_ms >= 20000 and .wall_ms < 40000'
	assert_output true
	assert_exist "$(result results time)/console"
}

@test "disk-full and out-of-memory have their own class" {
	assert_equal "$(field results full .class)" disk-full
	assert_equal "$(field results oom .class)" out-of-memory
	assert_equal "$(cat "$(result results full)/stdout")" "out of full"
}

@test "links that lead out and fifos are left out and named" {
	assert_equal "$(field results links .class)" ok
	run field results links '.output.skipped[]'
	assert_line "absolute: a symbolic link that leads out of the folder"
	assert_line "climbs: a symbolic link that leads out of the folder"
	assert_line "pipe: a fifo"
	assert_equal "$(ls -A "$(result results links)/files")" ""
}

@test "what was left out is told; of the logs of many failures only the paths" {
	run cat sweep.err
	assert_line --regexp "^$(id_of cases links): 3 entries of the output disk were left out: .*pipe \(a fifo\)"
	refute_line --regexp "^$(id_of cases ok): .*left out"
	assert_equal "$(grep -c '^    see ' sweep.err)" 3
	assert_equal "$(grep -c '^The logs of further failures are not shown.$' sweep.err)" 1
	assert_equal "$(grep -cE '^\[.*; see results/[0-9a-f]{12}/[a-z]+$' sweep.err)" 2
}

@test "metrics that are not there, or no JSON object, are told" {
	assert_equal "$(field results ok 'has("metrics_problem")')" false
	assert_equal "$(field results fail 'has("metrics_problem")')" false
	assert_equal "$(field results links '[.metrics_problem, has("metrics")] | @json')" \
		'["metrics.json: not there",false]'
	run cat sweep.err
	assert_line "$(id_of cases links): metrics: metrics.json: not there"
	run -0 "$WURUN" run odd -o "$SCRATCH/r"
	assert_line "$(id_of odd odd): metrics: metrics.json: not JSON"
	assert_equal "$(field "$SCRATCH/r" odd .metrics_problem)" "metrics.json: not JSON"
}

@test "panic, no-result: what a guest with root can bring about" {
	assert_equal "$(field rooted-results panic .class)" panic
	assert_regex "$(field rooted-results panic .reason)" '^Kernel panic - not syncing: sysrq'
	grep -q 'sysrq triggered crash' "$(result rooted-results panic)/console"
	run field rooted-results poweroff '[.class, .exit_status, .reason] | @json'
	assert_output '["no-result",null,"the guest ended without a record"]'
	# What came live is there, although the disk never got it.
	assert_equal "$(cat "$(result rooted-results poweroff)/stdout")" "out of poweroff"
}

@test "no-result: a record that is not a record is not believed" {
	assert_equal "$(field rooted-results lie .class)" no-result
	assert_regex "$(field rooted-results lie .reason)" "^the guest's record: "
}

@test "--json: an object a line, and nothing on standard error" {
	assert_equal "$(cat rooted.err)" ""
	run jq -rs '[.[] | .event] | sort | join(",")' rooted.json
	assert_output "ended,ended,ended,summary"
	run jq -r 'select(.event == "summary") | [.ok, .failed, .exit_status] | @json' rooted.json
	assert_output "[0,3,1]"
	run jq -r 'select(.class == "panic").folder' rooted.json
	assert_output "$(result rooted-results panic)"
}

@test "what has its result is not run again, and gives its exit status" {
	make_qemu <<<'exit 1' # nothing may be run
	local case
	for case in ok:0 fail:3 signal:139 time:124 oom:137; do
		run "$WURUN" run cases -o results --timeout 20s "$(id_of cases "${case%:*}")"
		assert_equal "${case%:*}:$status" "$case"
	done
	run "$WURUN" run rooted -o rooted-results "$(id_of rooted panic)"
	assert_equal "$status" 125
	run "$WURUN" run cases -o results --timeout 20s
	assert_failure 1
	assert_line "cases: 2 ok before, 5 failed before (--rerun-failed runs them again); results in results"
	assert_line --regexp '^failed before: ([0-9a-f]{12} [a-z-]+, ){4}[0-9a-f]{12} [a-z-]+$'
	assert_line --partial "$(id_of cases full) disk-full"
}

@test "ls: a table, or each result on a line" {
	run -0 "$WURUN" ls results
	assert_line --regexp '^id +class +exit +wall +cpu +memory +parameters$'
	assert_line --regexp '^[0-9a-f]{12}  app-failed +3 .* case=fail$'
	assert_line --regexp '^[0-9a-f]{12}  app-failed +signal 11 .* case=signal$'
	assert_equal "${#lines[@]}" 8
	"$WURUN" ls --json results >"$SCRATCH/ls"
	run jq -rs 'map(.params.case) | sort | join(" ")' "$SCRATCH/ls"
	assert_output "fail full links ok oom signal time"
	run "$WURUN" ls nowhere
	assert_failure 1
	assert_output "wurun: nowhere: No such file or directory"
	# A reader that goes away is no reason to complain.
	run bash -c '"$0" ls results | true; echo "${PIPESTATUS[0]}"' "$WURUN"
	assert_output --regexp '^(0|141)$'
}

@test "one instance: its output comes live, and its exit status is ours" {
	"$WURUN" run cases -o "$SCRATCH/r" "$(id_of cases fail | cut -c 1-8)" \
		>"$SCRATCH/out" 2>"$SCRATCH/err" && status=0 || status=$?
	assert_equal "$status" 3
	assert_equal "$(cat "$SCRATCH/out")" "out of fail"
	assert_equal "$(grep -c '^line 11$' "$SCRATCH/err")" 1
	run cat "$SCRATCH/err"
	assert_line "cases: 1 failed; results in $SCRATCH/r"
	# It counts as finished, until it is asked for again.
	make_qemu <<<'echo "this is QEMU, failing" >&2; exit 1'
	run "$WURUN" run -q cases -o "$SCRATCH/r" "$(id_of cases fail)"
	assert_failure 3
	run "$WURUN" run --accel tcg cases -o "$SCRATCH/r" --rerun-failed "$(id_of cases fail)"
	assert_failure 125
	assert_line --partial "host-error"
	assert_line --partial "QEMU: this is QEMU, failing"
	assert_equal "$(ls "$SCRATCH/r")" "$(id_of cases fail)"
	assert_equal "$(jq -r .class "$SCRATCH/r"/*/result.json)" host-error
}

@test "a unit that was packed and moved runs, from a folder with an odd name" {
	mkdir "$SCRATCH/a, b'\"c"
	tar -cf - cases | tar -xf - -C "$SCRATCH/a, b'\"c"
	cd "$SCRATCH/a, b'\"c"
	chmod -R a-w cases
	run -0 "$WURUN" run -q cases "$(id_of cases ok)"
	assert_output --partial "out of ok"
	assert_equal "$(cat results/cases/*/files/a/b/c)" hello
	chmod -R u+w cases
}

@test "a unit that is not as it was compiled is refused, and the file named" {
	cp -r cases "$SCRATCH/u"
	cd "$SCRATCH"
	make_qemu <<<'exit 1'
	run -0 "$WURUN" verify u
	assert_output "u: ok: 6 files and 7 instances as compiled"
	printf x | dd of=u/app.img bs=1 seek=9000 conv=notrunc status=none
	run "$WURUN" verify u
	assert_failure 1
	assert_output --partial "wurun: u/app.img: its SHA-256 is "
	run "$WURUN" run --verify u -o r
	assert_failure 125
	assert_output --partial "wurun: u/app.img: its SHA-256 is "
	echo more >>u/app.img
	run "$WURUN" run u -o r
	assert_failure 125
	assert_output --partial "wurun: u/app.img: has 262149 bytes, but the manifest says 262144"
	rm "u/params/$(id_of cases ok).iso" 2>/dev/null || rm u/params/*.iso
	run "$WURUN" run u -o r
	assert_output --partial ".iso: No such file or directory"
	assert_not_exist r
}

@test "a mistake on the command line is one clear line" {
	run "$WURUN" run nowhere
	assert_failure 125
	assert_output "wurun: nowhere: No such file or directory"
	run "$WURUN" run results
	assert_failure 125
	assert_output "wurun: results: no work unit: unit.json: No such file or directory"
	run "$WURUN" run cases ffffffffffff
	assert_failure 125
	assert_output --regexp '^wurun: ffffffffffff: no instance of unit cases; it has [0-9a-f]{12}, .* and 3 more$'
	run "$WURUN" run cases -j 0
	assert_failure 2
	assert_output 'wurun: run: -j: expected a number from 1 to 4096, found "0"'
	run "$WURUN" run cases --timeout soon
	assert_failure 2
	run "$WURUN" run cases --accel hvf
	assert_failure 2
	run "$WURUN" run cases --frobnicate
	assert_failure 2
	assert_line --partial "--frobnicate"
	run "$WURUN" run
	assert_failure 2
	run "$WURUN" dance
	assert_failure 2
	assert_output --regexp '^wurun: dance: no such command; there are run, ([a-z]+, )*verify and doctor$'
}

@test "--help of each command names it, and --version the version" {
	local command
	for command in run status logs collect unpack ls verify doctor; do
		run -0 "$WURUN" "$command" --help
		assert_line --index 0 --partial "usage: wurun $command"
		run -0 "$WURUN" help "$command"
		assert_line --index 0 --partial "usage: wurun $command"
	done
	run -0 "$WURUN" --version
	assert_output --regexp '^wurun [0-9]+\.[0-9]+\.[0-9]+$'
	run -0 "$WURUN" help
	assert_line --partial verify
}

@test "no QEMU: what to install" {
	WURUN_QEMU=no-such-qemu run "$WURUN" run cases -o "$SCRATCH/r"
	assert_failure 125
	assert_output --partial "no-such-qemu: not found in PATH: install QEMU"
	WURUN_QEMU=no-such-qemu run "$WURUN" doctor
	assert_failure 1
	assert_line --regexp '^qemu +to do: no-such-qemu'
	assert_line --regexp '^memory +ok: '
}

@test "no-boot: a guest that ends without a word; run again the next time" {
	make_qemu <<<'exit 0'
	run "$WURUN" run --accel tcg cases -o "$SCRATCH/r" "$(id_of cases ok)"
	assert_failure 125
	assert_line --partial "no-boot"
	assert_equal "$(jq -r .class "$SCRATCH/r"/*/result.json)" no-boot
	run "$WURUN" run --accel tcg cases -o "$SCRATCH/r"
	assert_failure 125
	assert_line "cases: 7 could not run; results in $SCRATCH/r"
}

@test "a long parameter is cut short in the news, and whole in the result" {
	local value
	value=$(printf 'é%.0s' {1..100})
	make_qemu <<<'exit 0'
	cd "$SCRATCH" || return
	echo "return unit { name = \"long\", base = \"mini\", command = \"true\",
		params = list { { text = \"$value\" } } }" >long.lua
	"$WUC" build -q long.lua -o long
	run "$WURUN" run --accel tcg long -o long-results
	assert_line --partial "  text=${value:0:120}…: the guest"
	assert_equal "$(jq -r .params.text long-results/*/result.json)" "$value"
}

@test "KVM that boots nothing: TCG instead, and that is remembered" {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "lacks /dev/kvm"
	export XDG_CACHE_HOME=$SCRATCH/cache
	make_qemu <<-'EOF'
		case "$*" in *accel=kvm*) echo aborting >&2; kill -ABRT $$ ;; esac
		exit 0
	EOF
	local verdict
	verdict=$XDG_CACHE_HOME/workunit/accel-$(uname -n)-$(uname -r)
	# By the probe:
	run "$WURUN" run cases -o "$SCRATCH/r" "$(id_of cases ok)"
	assert_line --partial "/dev/kvm is there, but guests do not boot with it"
	assert_equal "$(cat "$verdict")" "tcg QEMU emulator version 9.9.9 (fake)"
	# In the run itself, where an older verdict was wrong:
	echo "kvm QEMU emulator version 9.9.9 (fake)" >"$verdict"
	run "$WURUN" run cases -o "$SCRATCH/r" -j 2
	assert_equal "$(grep -c 'did not boot with KVM; going on with TCG' <<<"$output")" 1
	assert_line "cases: 7 could not run; results in $SCRATCH/r"
	assert_equal "$(cat "$verdict")" "tcg QEMU emulator version 9.9.9 (fake)"
	assert_equal "$(jq -rs 'map(.host.accelerator) | unique | join(",")' "$SCRATCH/r"/*/result.json)" tcg
	# Another QEMU is another question.
	echo "tcg QEMU emulator version 1.0" >"$verdict"
	run "$WURUN" run cases -o "$SCRATCH/r" "$(id_of cases ok)"
	assert_line --partial "/dev/kvm is there, but guests do not boot with it"
}

@test "a terminal gets one line that is kept up to date; NO_COLOR and dumb ones are heeded" {
	script -qec true /dev/null >/dev/null 2>&1 || skip "lacks pseudo-terminals: /dev/pts"
	make_qemu <<<'sleep 0.3; exit 0'
	local command
	command="\"$WURUN\" run --warm off --accel tcg -j 2 cases -o \"$SCRATCH/r\""
	TERM=xterm COLUMNS=30 run script -qec "$command" /dev/null
	assert_output --partial $'\r\033[K0/7 done, 0 failed, 2 running'
	refute_output --partial "0/7 done, 0 failed, 2 running,"
	assert_output --partial $'\033[31mno-boot\033[0m'
	TERM=xterm NO_COLOR=1 run script -qec "$command" /dev/null
	refute_output --partial $'\033[31m'
	TERM=dumb run script -qec "$command" /dev/null
	refute_output --partial $'\033'
	assert_output --partial "no-boot"
}

# start_slow RESULTS: a sweep of guests that would take minutes, in the background.
start_slow() {
	cp -r slow "$SCRATCH"
	cd "$SCRATCH" || return
	"$WURUN" run slow -j 2 -o r 2>err &
	RUNNER=$!
	two_run() { [ "$(descendants "$RUNNER" | wc -l)" -ge 2 ]; }
	wait_until two_run
	sleep 0.5
	QEMUS=$(descendants "$RUNNER")
}

none_left() {
	local pid
	for pid in $QEMUS; do
		[ ! -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status" || return 1
	done
}

@test "Ctrl-C ends all within two seconds: no QEMU, no half result, status 130" {
	start_slow
	kill -INT "$RUNNER"
	local begun=$EPOCHREALTIME ended
	wait "$RUNNER" && status=0 || status=$?
	ended=$EPOCHREALTIME
	assert_equal "$status" 130
	none_left
	[ $((${ended/./} - ${begun/./})) -lt 2000000 ]
	assert_equal "$(ls -A r)" "$(printf '.journal\n.unit.json')"
	run cat err
	assert_line "slow: interrupted: 2 not run; results in r"
}

@test "a work folder of another process with our id, in a container say, stays" {
	make_qemu <<<'exit 0'
	cd "$SCRATCH"
	mkdir r
	# shellcheck disable=SC2016 # it is the other shell that expands them
	run sh -c 'work=r/.work-$1-$$; mkdir "$work"; echo mine >"$work/file"; exec 9<"$work"; flock 9
		exec "$2" run "$3" --accel tcg -o r "$1"' sh \
		"$(id_of "$BATS_FILE_TMPDIR/slow" ok)" "$WURUN" "$BATS_FILE_TMPDIR/slow"
	assert_failure 125
	assert_line --partial "no-boot"
	assert_equal "$(cat r/.work-*/file)" mine
}

@test "a hangup ends a run, but not one under nohup" {
	make_qemu <<<'sleep 4; exit 0'
	local wanted hangup
	for wanted in 129 125; do
		# The second time as nohup does it; we may ourselves be run by it.
		[ "$wanted" = 129 ] && hangup=--default-signal=HUP || hangup=--ignore-signal=HUP
		env "$hangup" "$WURUN" run slow -j 2 --accel tcg -o "$SCRATCH/r" 2>"$SCRATCH/err" &
		RUNNER=$!
		wait_until pgrep -P "$RUNNER"
		kill -HUP "$RUNNER"
		wait "$RUNNER" && status=0 || status=$?
		assert_equal "$status" "$wanted"
	done
}

@test "QEMU gets the unit's files and nothing that wurun's caller left open" {
	export SCRATCH
	# shellcheck disable=SC2016 # it is QEMU's stand-in that expands it
	make_qemu <<<'ls -l /proc/self/fd >"$SCRATCH/files"; exit 0'
	echo secret >"$SCRATCH/secret"
	run "$WURUN" run slow --accel tcg -o "$SCRATCH/r" "$(id_of slow ok)" 9<"$SCRATCH/secret"
	assert_failure 125
	run cat "$SCRATCH/files"
	assert_output --partial app.img
	refute_output --partial secret
}

@test "SIGKILL leaves no QEMU and no half result; the next run finishes the rest" {
	start_slow
	kill -KILL "$RUNNER"
	wait "$RUNNER" || true
	wait_until none_left
	assert_equal "$(ls r)" ""
	assert_equal "$(find r -maxdepth 1 -name '.work-*' | wc -l)" 2
	# A third run that is alive keeps its work.
	mkdir r/.work-alive
	exec 9<r/.work-alive
	flock 9
	run "$WURUN" run -q slow -o r "$(id_of slow ok)"
	assert_success
	assert_equal "$(ls -A r)" "$(printf '.journal\n.unit.json\n.work-alive\n%s' "$(id_of slow ok)")"
	assert_equal "$(cat r/*/stdout)" "out of ok"
}

@test "run.sh: ids without an argument; an instance with QEMU alone, under dash and busybox" {
	cp -r cases "$SCRATCH/a, b"
	cd "$SCRATCH/a, b"
	local id
	id=$(id_of . ok)
	run -0 sh ./run.sh
	assert_equal "$(sort <<<"$output")" "$(jq -r '.instances[].id' unit.json | sort)"
	shellcheck run.sh
	sh run.sh "${id%?}" "x,y z.img" 2>one.log &
	if command -v busybox >/dev/null; then
		(cd / && busybox sh "$OLDPWD/run.sh" "$id" "$SCRATCH/two.img") 2>two.log
	fi
	wait $!
	for image in "x,y z.img" "$SCRATCH/two.img"; do
		[ -e "$image" ] || continue
		run -0 "$(run_tool debugfs)" -R 'cat .wu/result.json' "$image"
		assert_output --partial '"class":"ok"'
		run -0 "$(run_tool debugfs)" -R 'cat a/b/c' "$image"
		assert_output --partial hello
	done
	grep -qx 'run.sh: the output disk is ./x,y z.img; read it with: wurun unpack IMAGE DIR, or debugfs' one.log
	run sh run.sh "$id" "x,y z.img"
	assert_failure
	assert_output --partial "it exists already"
	run sh run.sh '../x'
	assert_failure 2
	run sh run.sh ffffffffffff
	assert_failure 1
	assert_output --partial "no instance of cases"
}

@test "doctor: each line ok or what to do" {
	export XDG_CACHE_HOME=$SCRATCH/cache
	run "$WURUN" doctor
	assert_failure 1
	assert_line --regexp '^qemu +ok: QEMU emulator version '
	assert_line --regexp '^accelerator +to do: no base to boot: .*\(wurun doctor UNIT\).*\(wuc base build mini\)$'
	run -0 "$WURUN" doctor cases
	assert_line --regexp '^accelerator +ok: (KVM|TCG): a guest boots and ends in '
	run "$WURUN" doctor nowhere
	assert_failure 125
	assert_output "wurun: nowhere: No such file or directory"
	mkdir -p "$XDG_CACHE_HOME/workunit/bases/x"
	cp cases/base/kernel cases/base/initrd "$XDG_CACHE_HOME/workunit/bases/x/"
	run "$WURUN" doctor
	assert_success
	assert_line --regexp '^accelerator +ok: (KVM|TCG): a guest boots and ends in '
	assert_line --regexp '^disk +ok: '
}
