#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# service: the agent as a service of Debian's own inits, put there by
# `wuc base install-agent`: real systems boot from their disks, start it, and are handed
# instances.

load helpers
load build_helpers
load disk_helpers
load debian_disk
load serve_helpers

setup_file() {
	debian_disk_require || return 0
	command -v python3 >/dev/null || { echo "lacks python3" >"$BATS_FILE_TMPDIR/lacks"; return 0; }
	export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	# Paths of sockets are short.
	SERVED=$(mktemp -d)
	export SERVED
	cd "$SERVED" || return
	serve_system systemd systemd-sysv udev kmod || return 0
	serve_system sysvinit sysvinit-core sysv-rc initscripts udev kmod || return 0
	serve_run "$SERVED/systemd" --image "$SERVED/systemd/agent.img" one+ two+ three || true
	serve_run "$SERVED/sysvinit" --image "$SERVED/sysvinit/agent.img" one+ two || true
}

# serve_system NAME PACKAGE…: a folder with the system's disk, the agent in it, and disks
# of instances.
serve_system() {
	local folder=$SERVED/$1 name
	shift
	export SERVE_MEMORY=320 SERVE_SECONDS=300
	mkdir -p "$folder/tree/scripts"
	disk_make_debian "$folder/guest.img" "$@" || return
	sha256sum "$folder/guest.img" >"$folder/sha256"
	"$WUC" base install-agent "$folder/guest.img" -o "$folder/agent.img" \
		>"$folder/install.log" 2>&1 || return
	cat >"$folder/tree/scripts/10-main" <<-'END'
		#!/bin/sh
		echo "$WU_n under $(cat /proc/1/comm) as $(id -u)"
		cat /proc/sys/kernel/random/boot_id >boot
		cat "/proc/$PPID/cgroup" >cgroup
		tr '\0' ' ' <"/proc/$PPID/cmdline" >agent
	END
	chmod 0755 "$folder/tree/scripts/10-main"
	serve_app "$folder"
	for name in one two three; do
		serve_instance "$folder" "$name" "n=$name"
	done
}

teardown_file() {
	[ -z "${SERVED:-}" ] || rm -rf "$SERVED"
}

setup() {
	build_skip_if_lacking
	cd "$SERVED" || return
}

# ran SYSTEM INSTANCE…: all of them in one guest, which then rebooted.
ran() {
	local system=$1 name
	shift
	cat "$system/driver"
	for name; do
		assert_equal "$(serve_class "$system/$name")" ok
		serve_sound "$system/$name"
	done
	run bash -c 'for name; do debugfs -R "cat boot" '"$system"'/$name/output.img; done 2>/dev/null | sort -u | wc -l' - "$@"
	assert_output 1
	assert_equal "$(cat "$system/status")" 0
	run sha256sum -c "$system/sha256"
	assert_success
}

@test "service: systemd starts it, and three instances run without a reboot" {
	run cat systemd/install.log
	assert_output --partial "systemd starts the agent"
	ran systemd one two three
	run serve_cat systemd/two .wu/stdout
	assert_output "two under systemd as 1000"
	run serve_cat systemd/two agent
	assert_output --partial "/usr/local/sbin/wuguest --serve"
	run serve_cat systemd/three cgroup
	assert_output --partial "/system.slice/wuguest.service"
}

@test "service: sysvinit starts it" {
	run cat sysvinit/install.log
	assert_output --partial "sysvinit starts the agent"
	ran sysvinit one two
	run serve_cat sysvinit/two .wu/stdout
	assert_output "two under init as 1000"
}
