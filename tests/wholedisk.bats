#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `wurun run` of units whose machine boots its own disk: one disk with everything in it,
# and a base that is a complete disk, whose agent runs one instance after the other. Each
# case ends in its own way; few boots serve all tests.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers
load build_helpers
load disk_helpers

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	disk_require || return 0
	disk_make_busybox guest.img
	"$WUC" base install-agent -o agent.img guest.img >agent.out 2>&1
	qemu-img convert -O qcow2 agent.img agent.qcow2
	sha256sum guest.img agent.img agent.qcow2 >digests
	make_recipe single 'layout = "single", base = disk { "guest.img", agent = "none" }' ok fail crash
	make_recipe hanging 'layout = "single", base = disk { "guest.img", agent = "none" }' hang
	make_recipe kept 'base = disk { "agent.qcow2" }' ok crash fail again time last
	make_recipe gone 'base = disk { "agent.img" }' leaver next
	make_recipe fresh 'base = disk { "agent.img" }' one two
	run_unit single -j 2 --keep failed
	# Two at a time.
	run_unit hanging --boot-timeout 60s --timeout 1s &
	run_unit kept -j 1 --timeout 15s
	wait
	run_unit gone -j 1 &
	run_unit fresh -j 1 --reboot
	wait
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	build_skip_if_lacking
}

# make_recipe NAME WORDS CASE…: and the unit of it.
make_recipe() {
	local name=$1 words=$2
	shift 2
	cat >"$name.lua" <<-EOF
		return unit {
			name = "$name", $words,
			app = { ["case.sh"] = text [==[
		$(cases_script)
		]==] },
			input = { ["$name"] = text "" },
			params = list { $(printf '{ case = "%s" }, ' "$@") },
			command = "exec sh /app/case.sh",
			output = { size = "8M", metrics = "metrics.json" },
			machine = { memory = "128M", user = "root" },
		}
	EOF
	"$WUC" build -q "$name.lua" -o "$name" >"$name.out" 2>&1
}

cases_script() {
	cat <<-'EOF'
		echo "out of $WU_case"
		ls -a /output | grep -v '^\.' >&2
		mkdir -p /output/a/b
		echo "$WU_case" > /output/a/b/c
		ln -s a/b/c /output/link
		echo '{"loss": 0.5}' > /output/metrics.json
		cat /proc/sys/kernel/random/boot_id > /output/boot
		case $WU_case in
		fail) exit 3 ;;
		held | one | two) [ ! -e /input/held ] || until [ -e go ]; do sleep 0.2; done ;;
		crash) echo b > /proc/sysrq-trigger; sleep 60 ;;
		hang) touch /output/hung; sync; sleep 1000 ;;
		time) sleep 1000 ;;
		leaver)
			cat > /root/leave <<-'END'
				#!/bin/sh
				while grep -q ' /output ' /proc/mounts; do usleep 1000; done
				reboot -f
			END
			chmod 0755 /root/leave
			# Init starts it: the agent would end it with the script.
			echo '::respawn:/root/leave' >> /etc/inittab
			kill -HUP 1
			sleep 3
			;;
		esac
	EOF
}

# run_unit NAME OPTION…
run_unit() {
	local name=$1 status=0
	shift
	"$WURUN" run "$name" -o "$name-results" "$@" >"$name.log" 2>&1 || status=$?
	echo "$status" >"$name.status"
}

# result NAME CASE: the folder.
result() {
	local id
	id=$(jq -r --arg case "$2" '.instances[] | select(.params.case == $case).id' "$1/unit.json")
	echo "$1-results/$id"
}

# field NAME CASE FILTER
field() {
	jq -r "$3" "$(result "$1" "$2")/result.json"
}

@test "a disk with everything in it runs, and its output is taken out of its file system" {
	assert_equal "$(field single ok .class)" ok
	run cat "$(result single ok)/files/a/b/c" "$(result single ok)/files/link" \
		"$(result single ok)/stdout"
	assert_output $'ok\nok\nout of ok'
	assert_equal "$(field single ok .metrics.loss)" 0.5
	assert_equal "$(field single ok .agent)" "autorun 1"
	assert_not_exists "$(result single ok)/disk.img"
	# Nothing of the system, nor of the record.
	run ls -A "$(result single ok)/files"
	assert_output $'a\nboot\nlink\nmetrics.json'
}

@test "an application that fails on such a disk says so, and the disk can be kept" {
	assert_equal "$(field single fail .class)" app-failed
	assert_equal "$(field single fail .exit_status)" 3
	assert_exists "$(result single fail)/disk.img"
	run disk_sound "$(result single fail)/disk.img"
	assert_success
	run "$WURUN" unpack -q --offset 32256 --folder /home/auto/output \
		"$(result single fail)/disk.img" unpacked
	assert_success
	assert_equal "$(cat unpacked/a/b/c)" fail
}

@test "a guest that crashed leaves a file system that is not clean, and so no result" {
	assert_equal "$(field single crash .class)" no-result
	run field single crash .reason
	assert_output --partial "its filesystem was not left clean"
	run "$WURUN" unpack -q --offset 32256 "$(result single crash)/disk.img" never
	assert_failure 1
	assert_output --partial "the journal needs recovery"
	assert_not_exists never
}

@test "a guest without an agent that does not end is ended" {
	assert_equal "$(field hanging hang .class)" time-limit
	assert_equal "$(cat hanging.status)" 124
	# The limit, a tenth of it, and half a minute, from the script's word on.
	run field hanging hang '.host.wall_ms >= 31000 and .host.wall_ms < 100000'
	assert_output true
}

@test "a guest that may be silent, and is, is ended where it was said when" {
	local id pid
	cp -r hanging dead
	dd if=/dev/zero of=dead/disk.img bs=512 count=63 conv=notrunc status=none
	id=$(jq -r '.instances[0].id' dead/unit.json)
	run "$WURUN" run dead -o dead-results --boot-timeout 3s --warm on
	assert_failure 125
	assert_line "wurun: instances start cold: a machine that boots a disk of its own is not saved"
	refute_output --partial "is never ended"
	run jq -r '"\(.class): \(.reason)"' "dead-results/$id/result.json"
	assert_output "no-boot: the guest said nothing in time"
	# Without a word about it, the run says so.
	"$WURUN" run dead -o never-results 2>never.err &
	pid=$!
	for _ in {1..100}; do
		! grep -q . never.err || break
		sleep 0.1
	done
	kill -INT $pid
	wait $pid || true
	run cat never.err
	assert_line "wurun: this unit has no time limit, and its guests need not speak: one that hangs is never ended, unless --timeout or --boot-timeout says when"
}

@test "a unit's disk that is missing, short or elsewhere is one clear line" {
	local size
	size=$(stat -c %s hanging/disk.img)
	mkdir bad
	cp -r hanging/[!d]* bad/
	run "$WURUN" run bad -o bad-results
	assert_failure 125
	assert_output "wurun: bad/disk.img: No such file or directory"
	truncate -s 512 bad/disk.img
	run "$WURUN" run bad -o bad-results
	assert_failure 125
	assert_output "wurun: bad/disk.img: has 512 bytes, but the manifest says $size: the unit is not as it was compiled"
	truncate -s "$size" bad/disk.img
	jq ".disk.output.offset = $size + 1" hanging/unit.json >bad/unit.json
	run "$WURUN" run bad -o bad-results
	assert_failure 125
	assert_output "wurun: bad/unit.json: disk.output.offset: expected a whole number from 0 to $size, found a number that it cannot be"
	jq '.disk.output.size += 512' hanging/unit.json >bad/unit.json
	run "$WURUN" run bad -o bad-results
	assert_failure 125
	assert_line --partial "disk.output.size: expected a whole number"
	assert_equal "${#lines[@]}" 1
	run "$WURUN" unpack --offset 512 "hanging/disk.img" bad-out
	assert_failure
	assert_equal "${#lines[@]}" 1
	assert_not_exists bad-results
}

@test "a whole system runs instances one after the other, without a reboot" {
	assert_equal "$(field kept ok .host.start)" cold
	for case in fail again time; do
		assert_equal "$(cat "$(result kept $case)"/{files,partial}/a/b/c 2>/dev/null)" "$case"
	done
	assert_equal "$(field kept ok .class)" ok
	assert_equal "$(field kept fail '"\(.class) \(.exit_status)"')" "app-failed 3"
	assert_equal "$(field kept again '"\(.class) \(.host.start)"')" "ok kept"
	assert_equal "$(field kept time '"\(.class) \(.host.start)"')" "time-limit kept"
	assert_equal "$(field kept last '"\(.class) \(.host.start)"')" "ok kept"
	# One boot of the kernel for all those, and an empty output disk for each.
	cmp "$(result kept again)/files/boot" "$(result kept last)/files/boot"
	assert_equal "$(cat "$(result kept last)/stderr")" ""
	[ "$(field kept again .host.wall_ms)" -lt 5000 ]
}

@test "a guest that crashes with an instance is replaced by a fresh one for the next" {
	assert_equal "$(field kept crash '"\(.class) \(.host.start)"')" "no-result kept"
	assert_equal "$(field kept fail .host.start)" cold
	run ! cmp "$(result kept ok)/files/boot" "$(result kept last)/files/boot"
}

@test "a guest that ends between two instances costs neither of them" {
	assert_equal "$(cat gone.status)" 0
	assert_equal "$(field gone leaver .class)" ok
	assert_equal "$(field gone next '"\(.class) \(.host.start)"')" "ok cold"
}

@test "where it is asked for, each instance has a guest of its own" {
	assert_equal "$(cat fresh.status)" 0
	for case in one two; do
		assert_equal "$(field fresh $case '"\(.class) \(.host.start)"')" "ok cold"
	done
	run ! cmp "$(result fresh one)/files/boot" "$(result fresh two)/files/boot"
}

# goes_on CASE: its instance, once it runs.
goes_on() {
	local id
	id=$(jq -r --arg case "$1" '.instances[] | select(.params.case == $case).id' held/unit.json)
	for _ in {1..900}; do
		! grep -q '"state":"running"' held-results/.work-"$id"-*/status.json 2>/dev/null ||
			break
		sleep 0.1
	done
	echo "$id"
}

@test "instances are reached one after the other in one guest, and an interruption leaves nothing behind" {
	local pid status=0
	make_recipe held 'base = disk { "agent.img" }' held one two
	"$WURUN" run held -o held-results -j 1 >held.log 2>&1 &
	pid=$!
	# shellcheck disable=SC2016 # the guest's shell expands it
	for case in held one; do
		run "$WURUN" exec held-results "$(goes_on $case)" -- \
			sh -c 'echo "$WU_case"; touch /output/go'
		assert_success
		assert_output "$case"
	done
	assert_exists "$(echo held-results/.work-"$(goes_on two)"-*/control)"
	kill -INT $pid
	wait $pid || status=$?
	assert_equal "$status" 130
	assert_equal "$(field held one '"\(.class) \(.host.start)"')" "ok kept"
	run find held-results -name '.work-*'
	assert_output ""
	run pgrep -P $pid
	assert_failure
}

@test "a base that names another file of the host is refused" {
	cp -r fresh evil
	rm evil/base/disk.img
	qemu-img create -q -f qcow2 -b /etc/passwd -F raw evil/base/disk.img 1M
	jq --arg size "$(stat -c %s evil/base/disk.img)" '.disk.format = "qcow2" |
		.files["base/disk.img"].size = ($size | tonumber)' fresh/unit.json >evil/unit.json
	run "$WURUN" run evil -o evil-results
	assert_failure 125
	assert_output "wurun: base/disk.img: it names another file, which QEMU would open"
}

@test "results go where the unit says, unless told otherwise" {
	mkdir elsewhere
	jq '.results = "out/of/it"' fresh/unit.json >elsewhere/unit.json
	cp -r fresh/[!u]* elsewhere/
	cp -r fresh-results wanted
	mkdir -p out/of
	mv wanted out/of/it
	run "$WURUN" run -q elsewhere
	assert_success
	assert_not_exists results
}

@test "no image of those that guests ran from has changed" {
	run sha256sum -c --quiet digests
	assert_success
	run sha256sum kept/base/disk.img
	assert_output --partial "$(sed -n 's/ .*agent.qcow2//p' digests)"
}
