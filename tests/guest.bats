#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's contract (docs/guest.md), held against the real agent in real guests. Every
# case is booted once, two at a time; the tests look at what each left behind.

load guest_helpers

setup_file() {
	export CASES=$BATS_FILE_TMPDIR/cases WU_TEST_KERNEL WU_TEST_INITRD
	local agent=${WUGUEST:-${BUILD:-build}/wuguest}
	[ -x "$agent" ] || { guest_lacks "$agent" || return 0; }
	guest_require || return 0
	mkdir -p "$CASES"
	guest_make_initrd "$CASES/initrd" "$agent" "$agent"
	make_good_case
	make_failing_cases
	make_hostile_cases
	make_lacking_cases
	make_daemon_cases "$agent"
	boot_all
}

# Two at a time; bats waits for whoever holds its descriptor 3.
boot_all() {
	local folder running=0 arguments
	for folder in "$CASES"/*/; do
		arguments=()
		[ ! -e "$folder/append" ] || read -ra arguments <"$folder/append"
		guest_boot "$(basename "$folder")" "${arguments[@]}" 3>&- &
		running=$((running + 1))
		[ $running -lt 2 ] || { wait -n; running=$((running - 1)); }
	done
	wait
}

setup() {
	guest_skip_if_lacking
}

make_good_case() {
	guest_script good 05-first <<-'EOF'
		#!/bin/sh
		echo "first as $(id -u):$(id -g):$(id -G)"
		exec 3</proc/self/stat
		read -r pid comm state ppid pgrp session rest <&3
		echo "leads its session: $((session == $$))"
		echo "in $PWD with umask $(umask)"
		env
		read -r line || echo "nothing to read"
		date +%s >clock
	EOF
	guest_script good 10-second <<-'EOF'
		#!/bin/sh
		echo 0.25 a quarter >/run/workunit/progress
		echo 7 too far >/run/workunit/progress
		(sleep 100; echo survived >/output/survived) &
		( ( : ) & )
		for path in /app /input /scripts /params; do
			touch $path/file 2>/dev/null && echo "$path is writable"
		done
		touch /file 2>/dev/null && echo "/ is writable"
		cat /input/data /params/params.txt
		touch .wu/file 2>/dev/null && echo ".wu is writable"
		mv .wu elsewhere 2>/dev/null && echo ".wu can be moved"
		grep -c . /proc/mounts >/dev/null || echo "no /proc"
		head -c 16 /dev/random | wc -c
		: >/dev/shm/file && : >/tmp/file && echo "shm and tmp are there"
		ping -c 1 -w 1 127.0.0.1 >/dev/null 2>&1; ip addr show lo | grep -o 127.0.0.1
		printf 'to the host \377\n'
		echo complaint >&2
		awk 'BEGIN { for (i = 0; i < 100000; i++) s += i; x = sprintf("%20000000s", "y") }'
	EOF
	echo "not a script" | guest_script good 15-data
	chmod 0644 "$CASES/good/tree/scripts/15-data"
	guest_script good $'20-\377"\\odd name' <<-'EOF'
		#!/bin/sh
		sleep 1.2
		echo last
	EOF
	echo 'a datum' >"$CASES/good/tree/input/data"
	# shellcheck disable=SC2016 # the guest must not expand it either
	printf 'beta=1.5\nempty=\ntitle=a "quoted" $(date) ünïcode = more\n' >"$CASES/good/params"
	date +%s >"$CASES/good/before"
	guest_disks good
}

make_failing_cases() {
	guest_script signal 10-main <<-'EOF'
		#!/bin/sh
		echo dying; kill -SEGV $$
	EOF
	guest_script signal 20-never <<-'EOF'
		#!/bin/sh
		echo never
	EOF
	guest_script unexecutable 10-main <<-'EOF'
		#!/no/such/interpreter
	EOF
	guest_script limit 10-main <<-'EOF'
		#!/bin/sh
		trap 'echo ignored a signal' TERM
		(trap '' TERM; while :; do sleep 0.1; done) &
		echo waiting
		while :; do sleep 0.1; done
	EOF
	echo wu.time_ms=700 >"$CASES/limit/append"
	guest_script memory 10-main <<-'EOF'
		#!/bin/sh
		for file in /tmp/hoard /dev/shm/hoard /var/tmp/hoard; do
			dd if=/dev/zero of=$file bs=64k && echo "$file has no bound"
		done
		awk 'BEGIN { s = "x"; while (1) s = s s }'
		echo "awk ended with $?"
		exit 9
	EOF
	guest_script full 10-main <<-'EOF'
		#!/bin/sh
		dd if=/dev/zero of=/output/big bs=64k
	EOF
	guest_script flood 10-main <<-'EOF'
		#!/bin/sh
		head -c 12000000 /dev/zero | tr '\0' 'x'
		exit 0
	EOF
	for name in signal unexecutable limit memory full flood; do
		guest_disks "$name"
	done
}

make_hostile_cases() {
	guest_script hostile 10-main <<-'EOF'
		#!/bin/sh
		dmesg | grep -c "crng init done"
		echo "as $(id -u)"
		mv .wu away && ln -s /etc .wu
		mkdir away/result.json
		echo '{"class":"ok"}' >forged
		exit 1
	EOF
	echo wu.user=root >"$CASES/hostile/append"
	echo qemu64 >"$CASES/hostile/cpu" # without an instruction for random numbers
	guest_script crowd 10-main <<-'EOF'
		#!/bin/sh
		trap '' TERM
		i=0
		while [ $i -lt 40 ]; do
			(trap '' TERM; setsid sleep 1000) &
			i=$((i + 1))
		done
		exit 4
	EOF
	printf 'beta=1\nno equals sign\n' >"$CASES/hostile-params" # a case's folder takes it
	guest_script badparams 10-main <<-'EOF'
		#!/bin/sh
		echo never
	EOF
	mv "$CASES/hostile-params" "$CASES/badparams/params"
	guest_script badargument 10-main <<-'EOF'
		#!/bin/sh
		echo never
	EOF
	echo wu.time_ms=soon >"$CASES/badargument/append"
	for name in hostile crowd badparams badargument; do
		guest_disks "$name"
	done
}

make_lacking_cases() {
	for name in nocd nooutput noscripts; do
		guest_script "$name" 10-main <<-'EOF'
			#!/bin/sh
			echo never
		EOF
		[ "$name" != noscripts ] || chmod 0644 "$CASES/noscripts/tree/scripts/10-main"
		guest_disks "$name"
	done
	rm "$CASES/nocd/params.iso" "$CASES/nooutput/output.img"
	mkdir -p "$CASES/probe"
	echo wu.probe=1 >"$CASES/probe/append"
}

# A guest with an init of its own: it mounts, loads and then starts the agent.
make_daemon_cases() {
	for name in daemon told; do
		guest_script "$name" 10-main <<-'EOF'
			#!/bin/sh
			echo "parent is $(tr '\0' ' ' </proc/$PPID/cmdline)"
			(setsid sh -c '(trap "" TERM; sleep 1000) & trap "" TERM; sleep 1000' &)
			[ ! -e /told ] || sleep 1000
		EOF
		guest_script "$name" 20-after <<-'EOF'
			#!/bin/sh
			[ -d "/proc/$(cat /run/sleeper)" ] && echo "others live on"
			ps | grep -c "[s]leep 1000"
		EOF
		cat >"$CASES/$name/init" <<-'EOF'
			#!/bin/busybox sh
			export PATH=/bin
			for folder in proc sys dev run; do busybox mkdir -p /$folder; done
			busybox mount -t proc proc /proc
			busybox mount -t sysfs sysfs /sys
			busybox mount -t devtmpfs dev /dev
			busybox mount -t tmpfs run /run
			while read -r module; do busybox insmod $module; done </etc/modules
			/agent --version
			/agent --nonsense && echo "nonsense is fine"
			/agent && echo "starts unasked"
			busybox sleep 1000 &
			echo $! >/run/sleeper
			/agent --daemon &
		EOF
		guest_disks "$name"
	done
	echo wait >>"$CASES/daemon/init"
	cat >>"$CASES/told/init" <<-'EOF'
		agent=$!
		: >/told
		until busybox pidof sleep | busybox grep -q ' '; do :; done
		busybox sleep 1
		kill $agent
		wait
	EOF
	for name in daemon told; do
		guest_make_initrd "$CASES/$name/initrd" "$CASES/$name/init" "$1"
	done
}

@test "guest: every boot ends by the agent's reboot" {
	for folder in "$CASES"/*/; do
		[ "$(cat "$folder/status")" = 0 ] || { echo "$folder"; cat "$folder/qemu"; false; }
	done
}

@test "guest: output disks are clean afterwards" {
	for folder in "$CASES"/*/; do
		[ ! -e "$folder/output.img" ] || [ "$(tail -n 1 "$folder/fsck")" = 0 ] ||
			{ cat "$folder/fsck"; false; }
	done
}

@test "guest: scripts run in order, as the contract has them" {
	guest_has good result.json '"class":"ok","reason":"","script":null,"exit_status":0,"signal":null'
	guest_has good stdout "first as 1000:1000:1000"
	guest_has good stdout "leads its session: 1"
	guest_has good stdout "in /output with umask 0022"
	guest_has good stdout "nothing to read"
	guest_has good stdout "a datum"
	[ "$(tail -n 1 "$CASES/good/stdout")" = last ]
	guest_has good stderr complaint
	guest_has good stdout "shm and tmp are there"
	guest_has_not good stdout writable
	guest_has_not good stdout "can be moved"
}

@test "guest: parameters are the environment, not evaluated" {
	guest_has good stdout WU_beta=1.5
	# shellcheck disable=SC2016
	guest_has good stdout 'WU_title=a "quoted" $(date) ünïcode = more'
	grep -qx WU_empty= "$CASES/good/stdout"
	guest_has good stdout "PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	grep -qx HOME=/tmp "$CASES/good/stdout"
	grep -qx LANG=C.UTF-8 "$CASES/good/stdout"
	grep -qx TMPDIR=/tmp "$CASES/good/stdout"
	# what the shell adds is all that is left: PWD, SHLVL
	[ "$(sed -n '/nothing to read/q; /^[A-Z]*[A-Za-z_]*=/p' "$CASES/good/stdout" | grep -vcE '^(PWD|SHLVL|_)=')" = 7 ]
}

@test "guest: clock and entropy are right" {
	guest_cat good clock
	[ "$(cat "$CASES/good/clock")" -ge "$(cat "$CASES/good/before")" ]
	[ "$(cat "$CASES/good/clock")" -le "$(date +%s)" ]
	grep -qx 16 "$CASES/good/stdout"
	guest_cat hostile away/stdout
	[ "$(head -n 1 "$CASES/hostile/stdout")" = 1 ]
}

@test "guest: what a script leaves behind ends with it" {
	guest_cat good survived
	[ ! -s "$CASES/good/survived" ]
	guest_has crowd result.json '"class":"app-failed","reason":"10-main: exit status 4"'
}

@test "guest: the record has names, times and memory" {
	guest_has good result.json '"name":"20-\ufffd\"\\odd name"' ||
		guest_has good result.json $'"name":"20-\xef\xbf\xbd\\"\\\\odd name"'
	guest_has_not good result.json 15-data
	run sed -E 's/.*"scripts":.*"name":"10-second"[^}]*"cpu_ms":([0-9]+),"peak_memory_bytes":([0-9]+)\}.*/\1 \2/' \
		"$CASES/good/result.json"
	read -r cpu peak <<<"$output"
	[ "$cpu" -gt 100 ]
	[ "$peak" -gt 20000000 ]
	[ "$peak" -lt 128000000 ]
	run sed -E 's/.*odd name"[^}]*"wall_ms":([0-9]+).*/\1/' "$CASES/good/result.json"
	[ "$output" -ge 1200 ]
}

@test "guest: the port tells the run's whole story" {
	[ "$(head -n 3 "$CASES/good/port")" = $'hello 1 wuguest-0.1.0\nready\nstarted 05-first' ]
	guest_has good port "exited 05-first status 0"
	guest_has good port "started 20-?\"\\odd?name"
	guest_has good port "progress 0.25 a quarter"
	guest_has_not good port "too far"
	guest_has good port $'stderr 10\ncomplaint'
	guest_has good port $'to the host \xff'
	[ "$(grep -ac '^heartbeat [0-9]' "$CASES/good/port")" -ge 2 ]
	[ "$(tail -n 1 "$CASES/good/port")" = "done ok" ]
}

@test "guest: a signal ends the run at that script" {
	guest_has signal result.json '"class":"app-failed","reason":"10-main: signal 11 (Segmentation fault)","script":"10-main","exit_status":null,"signal":11'
	[ "$(cat "$CASES/signal/stdout")" = dying ]
	guest_has signal port "exited 10-main signal 11"
}

@test "guest: a script that cannot be executed" {
	guest_has unexecutable result.json '"class":"app-failed","reason":"10-main: cannot be executed: No such file or directory","script":"10-main","exit_status":126'
}

@test "guest: a script that ignores signals at the time limit" {
	guest_has limit result.json '"class":"time-limit","reason":"10-main: ended at the time limit of 700 ms","script":"10-main","exit_status":null,"signal":9'
	guest_has limit stdout "ignored a signal"
	run sed -E 's/.*"wall_ms":([0-9]+).*/\1/' "$CASES/limit/result.json"
	[ "$output" -ge 2700 ]
	[ "$output" -lt 5000 ]
}

@test "guest: memory that runs out" {
	guest_has_not memory stdout "no bound"
	guest_has memory result.json '"class":"out-of-memory","reason":"10-main: the guest'"'"'s memory ran out","script":"10-main"'
}

@test "guest: an output disk that a script fills" {
	guest_has full result.json '"class":"disk-full","reason":"10-main: the output disk is full","script":"10-main","exit_status":1'
	guest_has full stderr "No space left on device"
}

@test "guest: an output disk that a script's output fills" {
	guest_has flood result.json '"class":"disk-full","reason":"10-main: the output disk is full, its output could not be kept","script":"10-main","exit_status":0'
	[ "$(wc -c <"$CASES/flood/stdout")" -gt 4000000 ]
}

@test "guest: root in a script cannot lead the record astray" {
	guest_cat hostile away/stdout
	guest_has hostile stdout "as 0"
	guest_has hostile result.json '"class":"app-failed","reason":"10-main: exit status 1"'
}

@test "guest: disks that are missing or wrong are in the record" {
	guest_has nocd result.json '"class":"host-error","reason":"no disk has the label WU_PARAMS","script":null,"exit_status":null,"signal":null'
	guest_has noscripts result.json '"class":"host-error","reason":"/scripts: no script to run"'
	guest_has badparams result.json '"class":"host-error","reason":"params.txt: expected NAME=VALUE: no equals sign"'
	guest_has badargument result.json '"class":"host-error","reason":"the kernel'"'"'s command line: a bad wu. argument"'
	for name in nocd noscripts badparams badargument; do
		[ ! -s "$CASES/$name/stdout" ]
		[ "$(tail -n 1 "$CASES/$name/port")" = "done host-error" ]
	done
}

@test "guest: without an output disk the port and the console say so" {
	guest_has nooutput port "error no record: no output disk: no disk has the label wu-output"
	guest_has nooutput console "wuguest: no record: no output disk: no disk has the label wu-output"
}

@test "guest: the probe is answered before anything else" {
	guest_has probe console "wuguest: probe ok"
	[ ! -s "$CASES/probe/port" ]
}

@test "guest: a daemon beside an init of the guest's own" {
	guest_has daemon console "wuguest 0.1.0"
	guest_has daemon console "usage: wuguest"
	guest_has_not daemon console "nonsense is fine"
	guest_has_not daemon console "starts unasked"
	guest_has daemon result.json '"class":"ok","reason":"","script":null,"exit_status":0'
	guest_has daemon stdout "parent is /agent --daemon"
	[ "$(tail -n 2 "$CASES/daemon/stdout")" = $'others live on\n1' ]
	run sed -E 's/.*"wall_ms":([0-9]+).*/\1/' "$CASES/daemon/result.json"
	[ "$output" -lt 2000 ]
}

@test "guest: a daemon that is told to end records it" {
	guest_has told result.json '"class":"interrupted","reason":"10-main: the agent was told to end"'
}
