#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# disk_run: a unit's own run.sh where the firmware boots a disk: nothing but QEMU, a
# POSIX shell, and what reads the output. Small systems, booted by GRUB.

# shellcheck disable=SC2154 # bats sets output, stderr and their lines

load helpers
load build_helpers
load disk_helpers

setup_file() {
	export GUEST=$BATS_FILE_TMPDIR/guest.img
	disk_require || return 0
	disk_make_busybox "$GUEST"
	# A guest that knows nothing of the agent, but runs an autorun.sh from a CD.
	mkdir -p "$BATS_FILE_TMPDIR/files/etc/init.d"
	cat >"$BATS_FILE_TMPDIR/files/etc/init.d/auto" <<-'END'
		#!/bin/sh
		exec >/dev/console 2>&1
		for cd in /dev/sr*; do
			mount -t iso9660 -o ro $cd /mnt || continue
			[ ! -e /mnt/autorun.sh ] || sh /mnt/autorun.sh
			umount /mnt
		done
	END
	chmod 0755 "$BATS_FILE_TMPDIR/files/etc/init.d/auto"
	DISK_FILES=$BATS_FILE_TMPDIR/files disk_make_busybox "$BATS_FILE_TMPDIR/seeded.img"
	sha256sum "$BATS_FILE_TMPDIR"/*.img >"$BATS_FILE_TMPDIR/digests"
}

# After everything, the originals are what they were.
teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/digests" ] || sha256sum -c --quiet "$BATS_FILE_TMPDIR/digests"
}

setup() {
	build_skip_if_lacking
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	PATH=$PATH:/sbin:/usr/sbin
	seq 1000 | awk '{ print $1, 1 / $1 }' >data.txt
}

# unit LAYOUT BASE: in u.lua; its command takes a parameter and an input.
unit() {
	cat >u.lua <<-END
		return unit {
			name = "u", layout = "$1", base = $2, input = { "data.txt" }, floppy = true,
			params = grid { beta = { 1.5, 2.5 } },
			command = "awk -v b={beta} '{ s += b * \$2 } END { printf \"%.6f\\\\n\", s }' /input/data.txt > sum; echo done",
		}
	END
	"$WUC" build -q u.lua
	id=$(jq -r '.instances[] | select(.params.beta == 2.5).id' units/u/unit.json)
}

expected() {
	awk -v b=2.5 '{ s += b * $2 } END { printf "%.6f\n", s }' data.txt
}

# run_it SHELL: the instance, by run.sh, into "o,1.img".
run_it() {
	WURUN_ACCEL=tcg timeout 120 "$@" units/u/run.sh "$id" "o,1.img" >out 2>err </dev/null
}

# As run.sh says to.
take_output() {
	local say
	say=$(grep -o "debugfs -R .*offset=[0-9]*'" err)
	mkdir dir
	bash -c "${say/ DIR/ dir}" >/dev/null 2>&1
}

@test "run.sh boots a single disk, and says where its output is" {
	cp "$GUEST" guest.img
	unit single 'disk { "guest.img", agent = "none" }'
	run_it dash
	take_output
	assert_equal "$(cat dir/output/sum)" "$(expected)"
	assert_equal "$(jq -r .class dir/output/.wu/result.json)" ok
	assert_equal "$(cat dir/output/.wu/stdout)" "done"
	disk_sound "o,1.img"
	"$WURUN" verify units/u
}

@test "run.sh refuses to write over an image" {
	cp "$GUEST" guest.img
	unit single 'disk { "guest.img", agent = "none" }'
	echo mine >"o,1.img"
	run run_it sh
	assert_failure 1
	assert_equal "$(cat "o,1.img")" mine
	assert_equal "$(cat err)" "run.sh: ./o,1.img: it exists already, or cannot be made"
}

@test "run.sh tells of a signal, and leaves neither QEMU nor half an image" {
	cp "$GUEST" guest.img
	unit single 'disk { "guest.img", agent = "none" }'
	WURUN_ACCEL=tcg units/u/run.sh "$id" half.img </dev/null >out 2>err 3>&- &
	for _ in $(seq 100); do
		[ ! -e half.img ] || break
		sleep 0.1
	done
	sleep 1
	kill -TERM $!
	status=0
	wait $! || status=$?
	assert_equal "$status" 143
	assert_file_not_exist half.img
	run pgrep -f "$PWD/units/u\|file.filename=./half.img"
	assert_failure
}

@test "run.sh boots a disk with the agent in it, on an overlay" {
	"$WUC" base install-agent "$GUEST" -o agent.img
	qemu-img convert -f raw -O qcow2 agent.img agent.qcow2
	unit disks 'disk "agent.qcow2"'
	run_it busybox sh
	mkdir dir
	"$WURUN" unpack "o,1.img" dir
	assert_equal "$(cat dir/sum)" "$(expected)"
	assert_equal "$(cat_from "o,1.img" .wu/result.json | jq -r .class)" ok
	cmp agent.qcow2 units/u/base/disk.img
	"$WURUN" verify units/u
}

@test "run.sh boots a disk without the agent, which a CD's autorun.sh brings" {
	cp "$BATS_FILE_TMPDIR/seeded.img" guest.img
	unit disks 'disk { "guest.img", agent = "seed" }'
	run_it sh
	assert_equal "$(cat_from "o,1.img" sum)" "$(expected)"
	assert_equal "$(cat_from "o,1.img" .wu/result.json | jq -r .class)" ok
	assert_equal "$(stat_of "o,1.img" .wu/result.json | grep -c 'Type: regular')" 1
}

@test "run.sh boots a single disk that a CD's autorun.sh starts" {
	cp "$BATS_FILE_TMPDIR/seeded.img" guest.img
	unit single 'disk { "guest.img", agent = "seed" }'
	run_it sh
	take_output
	assert_equal "$(cat dir/output/sum)" "$(expected)"
}

@test "run.sh boots a bootable disk" {
	unit bootable '"mini"'
	run_it sh
	take_output
	assert_equal "$(cat dir/sum)" "$(expected)"
	assert_equal "$(jq -r .class dir/.wu/result.json)" ok
}
