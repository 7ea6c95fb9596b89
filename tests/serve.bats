#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# serve: an agent that runs one instance after the other in a guest that goes on, put there
# by `wuc base install-agent`. One guest with a port, one without; the tests look at what
# they left behind.

load helpers
load build_helpers
load disk_helpers
load serve_helpers

setup_file() {
	disk_require || return 0
	command -v python3 >/dev/null || { echo "lacks python3" >"$BATS_FILE_TMPDIR/lacks"; return 0; }
	export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
	cd "$BATS_FILE_TMPDIR" || return
	disk_make_busybox guest.img ext3
	sha256sum guest.img >guest.sha256
	"$WUC" base install-agent guest.img -o agent.img >install.log
	# Paths of sockets are short.
	SERVED=$(mktemp -d)
	export SERVED
	make_served "$SERVED/with"
	make_served "$SERVED/without"
	serve_run "$SERVED/with" --image "$PWD/agent.img" one+ two+ three+ four? || true
	serve_run "$SERVED/without" --no-port --image "$PWD/agent.img" :10 one || true
}

teardown_file() {
	[ -z "${SERVED:-}" ] || rm -rf "$SERVED"
}

setup() {
	build_skip_if_lacking
	cd "$SERVED" || return
}

make_served() {
	local name
	mkdir -p "$1/tree/scripts" "$1/tree/app" "$1/tree/input"
	cat >"$1/tree/scripts/10-main" <<-'END'
		#!/bin/sh
		echo "$WU_n: $(cat /input/datum) as $(id -u) in $PWD"
		cat /proc/sys/kernel/random/boot_id >boot
		ls >seen
		(sleep 1000 &)
		until [ "$WU_wait" = no ] || [ -e go ]; do sleep 0.2; done
	END
	chmod 0755 "$1/tree/scripts/10-main"
	echo "a datum" >"$1/tree/input/datum"
	serve_app "$1"
	for name in one two three four; do
		serve_instance "$1" "$name" "n=$name" \
			"wait=$(case $name in one | four) echo no ;; *) echo yes ;; esac)"
	done
	cat >"$1/two/dropped" <<-'END'
		#!/bin/sh
		echo "dropped as $(id -u) in $PWD with WU_n=${WU_n:-}" >>/tmp/dropped
		sleep 1000
	END
	chmod 0755 "$1/two/dropped"
	# A file that is still being written is launched when it is whole.
	cat >"$1/two/during" <<-'END'
		exec="$WURUN exec ../results 01"
		$exec --root -- chmod 1777 /tmp
		"$WURUN" put --root ../results 01 dropped /var/lib/workunit/scripts
		$exec --root -- sh -c 'cd /var/lib/workunit/scripts
			printf "#!/bin/sh\necho ours >>/tmp/writable\n" >open && chmod 777 open
			printf "#!/bin/sh\necho hidden >>/tmp/writable\n" >.hidden && chmod 755 .hidden
			exec 3>slow && chmod 755 slow && printf "#!/bin/sh\n" >&3
			sleep 4
			[ ! -e /tmp/slow ] && echo "not launched yet"
			echo "echo whole >>/tmp/slow" >&3'
		sleep 4
		$exec -- touch go
	END
	cat >"$1/three/during" <<-'END'
		exec="$WURUN exec ../results 01"
		$exec -- cat /tmp/dropped /tmp/slow
		$exec -- cat /tmp/writable && echo "launched what anybody may write"
		$exec -- sh -c 'ps | grep -c "[s]leep 1000"'
		$exec -- touch go
	END
}

@test "serve: the image that the agent was installed from is as it was" {
	cd "$BATS_FILE_TMPDIR"
	run sha256sum -c guest.sha256
	assert_success
	run cat install.log
	assert_output "agent.img: 40.0 MiB, BusyBox init starts the agent"
}

@test "serve: instances run one after the other in one guest, by changed disks" {
	cat with/driver
	for name in one two three; do
		assert_equal "$(serve_class "with/$name")" ok
		run serve_cat "with/$name" .wu/stdout
		assert_line "$name: a datum as 1000 in /output"
		serve_sound "with/$name"
	done
	run bash -c 'for name in one two three; do debugfs -R "cat boot" with/$name/output.img; done 2>/dev/null | sort -u | wc -l'
	assert_output 1
}

@test "serve: an instance finds nothing of the one before" {
	run serve_cat with/three seen
	refute_line go
	run serve_cat with/three .wu/stdout
	refute_output --partial "two"
	# two that the dropped script and this instance's own script left, not four
	run grep -x '[0-9]*' with/three/during.log
	assert_output 2
}

@test "serve: it speaks as the contract has it" {
	run bash -c 'tr -d "\0" <with/port | grep -aE "^(hello|ready|done|> resume)" | cut -d" " -f1,2 | sed "s/resume$/resume/"'
	assert_line --index 0 "hello 1"
	assert_line --index 1 ready
	assert_line --index 2 "> resume"
	assert_line --index 3 "hello 1"
	assert_line --index 4 "done ok"
	assert_line --index 5 ready
	assert_line --index 6 "> resume"
}

@test "serve: a line that makes no sense is a failure of the host, and the guest reboots" {
	assert_equal "$(serve_class with/four)" host-error
	assert_equal "$(cat with/status)" 0
	run tail -n 5 with/console
	assert_output --partial "Restarting system"
}

@test "serve: what appears in the scripts folder is launched once, as a user, when it is whole" {
	run cat with/two/during.log
	assert_output --partial "not launched yet"
	run cat with/three/during.log
	assert_equal "$(grep -c 'dropped as 1000 in / with WU_n=$' with/three/during.log)" 1
	assert_equal "$(grep -c whole with/three/during.log)" 1
	refute_output --partial "anybody may write"
	refute_output --partial hidden
}

@test "serve: without a port it runs what is put in, and reboots" {
	cat without/driver
	assert_equal "$(serve_class without/one)" ok
	run serve_cat without/one .wu/stdout
	assert_output "one: a datum as 1000 in /output"
	assert_equal "$(cat without/status)" 0
	serve_sound without/one
}

@test "serve: bad options are told" {
	run "$WUGUEST" --serve --scripts relative
	assert_failure 2
	run "$WUGUEST" --serve --user nobody
	assert_failure 2
	run "$WUGUEST" --serve --scripts
	assert_failure 2
	assert_output --partial "usage: wuguest"
}
