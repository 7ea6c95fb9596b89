#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Warm starts in real guests: the results are a cold run's, nothing reaches from one
# instance to another, and whatever fails, the run goes on.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	cd "$BATS_FILE_TMPDIR" || return
	make_recipe cases '"ok", "fail", "signal", "time", "oom", "links"' "$(cases_script)"
	make_recipe one '"ok"' 'echo hello'
	make_recipe larger '"ok"' 'free -m' ', cpus = 2'
	make_recipe marker '"1", "2", "3", "4"' "$(marker_script)" ', user = "root"'
	make_recipe random '"a", "b", "c", "d", "e"' "$(random_script)"
	# Cold, in a store without a snapshot, and then warm.
	XDG_CACHE_HOME=$(own_cache) && export XDG_CACHE_HOME
	"$WURUN" run cases -o cold --warm off --timeout 20s >cold.out 2>&1 || true
	"$WURUN" run cases -o warm --warm on --timeout 20s >warm.out 2>&1 || true
	find "$(store)" -type f -name '[mos]*' -exec sha256sum {} + | sort >digests
	sha256sum cases/app.img cases/output.img cases/base/* >unit-digests
	"$WURUN" run random -o random-results --warm on -j 1 >random.out 2>&1
	true
}

setup() {
	command -v qemu-system-x86_64 >/dev/null || skip "lacks qemu-system-x86_64"
	cd "$BATS_FILE_TMPDIR" || return
	XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	export XDG_CACHE_HOME
	mkdir "$XDG_CACHE_HOME"
}

# A cache of our own, so that the user's snapshots neither help nor suffer.
own_cache() {
	mkdir -p "$BATS_FILE_TMPDIR/cache"
	echo "$BATS_FILE_TMPDIR/cache"
}

store() {
	echo "$XDG_CACHE_HOME/workunit/warm"
}

# make_recipe NAME VALUES SCRIPT [MACHINE]
make_recipe() {
	cat >"$1.lua" <<-EOF
		return unit {
			name = "$1",
			app = { ["case.sh"] = text [==[
		$3
		]==] },
			params = grid { case = { $2 } },
			command = "exec sh /app/case.sh",
			output = { size = "8M" },
			machine = { memory = "128M", time = "30s"$4 },
		}
	EOF
	"$WUC" build -q "$1.lua" -o "$1"
}

cases_script() {
	cat <<-'EOF'
		echo "out of $WU_case"
		echo "err of $WU_case" >&2
		mkdir -p a/b
		cat /params/params.json > a/b/params
		seq 1 10000 > a/numbers
		case $WU_case in
		fail) exit 3 ;;
		signal) kill -SEGV $$ ;;
		time) sleep 60 ;;
		oom) tail -n 1 /dev/zero ;;
		links) ln -s b a/link; chmod 750 a/b ;;
		esac
	EOF
}

random_script() {
	cat <<-'EOF'
		date +%s
		head -c 16 /dev/urandom | od -An -tx1
		head -c 16 /dev/random | od -An -tx1
		cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/boot_id
		grep stack /proc/self/maps
		mktemp -u XXXXXXXXXXXX
	EOF
}

# The marker is put together in the guest: the app disk does not hold it.
marker_script() {
	cat <<-'EOF'
		m=MARK; m=${m}ED-BY-$WU_case-OF-MANY
		found=$(cat /dev/vda /dev/vdb /dev/vdc 2>/dev/null | grep -ac "MARKED-BY-[0-9]-OF")
		echo "found $found"
		yes $m | head -c 40m > /tmp/fill
		yes $m | head -c 6m > fill
		yes $m | dd of=/dev/vdc bs=1M seek=64 count=1 2>&1 | tail -n 1
		sync
		grep -ac $m /tmp/fill
	EOF
}

# what_is_left RESULTS: all that must not depend on how an instance started.
what_is_left() (
	cd "$1" || exit
	for folder in */; do
		echo "$folder $(jq -c '[.class, .reason, .exit_status, .signal, .params, [.scripts[].name]]' \
			"$folder/result.json")"
	done
	find . -mindepth 2 ! -name result.json ! -name console -printf '%P %y %m %s %l\n' | sort
	find . -mindepth 2 -type f ! -name result.json ! -name console -exec sha256sum {} + | sort
)

# starts RESULTS: how often each way.
starts() {
	jq -r .host.start "$1"/*/result.json | sort | uniq -c | awk '{printf "%s%s %s", s, $1, $2; s = ", "}'
}

# qemu_that SCRIPT: a QEMU whose arguments pass through some lines of bash first.
qemu_that() {
	cat >"$BATS_TEST_TMPDIR/qemu" <<-EOF
		#!/bin/bash
		$1
		exec qemu-system-x86_64 "\$@"
	EOF
	chmod +x "$BATS_TEST_TMPDIR/qemu"
	export WURUN_QEMU=$BATS_TEST_TMPDIR/qemu
}

@test "warm: every class of result is the same as from cold" {
	assert_equal "$(starts cold)" "6 cold"
	run starts warm
	assert_output --partial "warm"
	refute [ "$(starts warm)" = "6 cold" ]
	diff <(what_is_left cold) <(what_is_left warm)
	assert_equal "$(jq -r .class warm/*/result.json | sort -u | tr '\n' ' ')" \
		"app-failed ok out-of-memory time-limit "
}

@test "warm: two instances share no random bytes" {
	assert_equal "$(starts random-results)" "5 warm"
	local line
	for line in 2 3 4 5 6 7; do
		run bash -c "for f in random-results/*/stdout; do sed -n ${line}p \$f; done | sort -u | wc -l"
		assert_output 5
	done
}

@test "warm: clocks are right" {
	local folder told
	for folder in random-results/*/; do
		told=$(head -n 1 "$folder/stdout")
		run jq -e --argjson t "$told" '.host | (.started | fromdate) as $s |
			$t >= $s - 1 and $t <= $s + .wall_ms / 1000 + 2' "$folder/result.json"
		assert_success
	done
}

@test "warm: neither snapshot nor unit change by runs" {
	export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache
	sha256sum -c --quiet digests
	sha256sum -c --quiet unit-digests
	run find "$(store)" -mindepth 2 ! -perm 600
	assert_output ""
}

@test "warm: what one instance leaves in memory and on disks, no other one finds" {
	run "$WURUN" run marker -o marker-results --warm on -j 1 --keep all
	assert_success
	assert_equal "$(starts marker-results)" "4 warm"
	run grep -hc '^found 0$' marker-results/*/stdout
	assert_output "1
1
1
1"
	run grep -rac 'MARKED-BY-[0-9]-OF' "$(store)" --include='[mos]*'
	refute_output --regexp ':[1-9]'
	run bash -c "stat -c %s marker-results/*/output.img | sort -u"
	assert_output "$(stat -c %s marker/output.img)"
}

@test "warm: a damaged snapshot is made anew" {
	"$WURUN" run -q one -o first-5 --warm on
	local part
	for part in state memory output.img snapshot.json; do
		truncate -s 100 "$(store)"/*/"$part"
		rm -rf again
		run "$WURUN" run one -o again --warm on
		assert_success
		assert_output --partial "hello"
		assert_equal "$(starts again)" "1 warm"
		refute_output --partial "cold"
	done
	run bash -c "ls '$(store)' | grep -v lock | wc -l"
	assert_output 1
}

@test "warm: a QEMU without the feature runs cold, and says so once" {
	qemu_that 'case "$*" in *memory-backend-file*) echo "no memory-backend-file here" >&2; exit 1 ;; esac'
	run "$WURUN" run random -o without --warm auto
	assert_success
	assert_equal "$(starts without)" "5 cold"
	run grep -c "start cold: no memory-backend-file here" <<<"$output"
	assert_output 1
}

@test "warm: restores that fail go cold, and it is said once" {
	"$WURUN" run -q one -o first-7 --warm on
	qemu_that 'case "$*" in *defer*) echo "no restore here" >&2; exit 1 ;; esac'
	run "$WURUN" run random -o failing --warm on -j 1
	assert_success
	assert_equal "$(starts failing)" "5 cold"
	run grep -c "start cold: no restore here" <<<"$output"
	assert_output 1
}

@test "warm: a store that cannot be written is no obstacle" {
	mkdir -p "$XDG_CACHE_HOME/workunit"
	echo in the way >"$XDG_CACHE_HOME/workunit/warm"
	run "$WURUN" run one -o unwritable --warm on
	assert_success
	assert_equal "$(starts unwritable)" "1 cold"
	assert_output --partial "wurun: instances start cold: "
}

@test "warm: off is off, and auto makes no snapshot for a few" {
	"$WURUN" run -q one -o off --warm off
	"$WURUN" run -q one -o auto
	assert_equal "$(starts off) $(starts auto)" "1 cold 1 cold"
	refute [ -e "$(store)"/*/memory ]
	run "$WURUN" run one -o wrong --warm maybe
	assert_failure 2
	assert_output --partial 'run: --warm: expected auto, on or off, found "maybe"'
}

@test "warm: two runs at once share one snapshot" {
	"$WURUN" run -q random -o left --warm on -j 1 3>&- &
	local other=$!
	"$WURUN" run -q random -o right --warm on -j 1
	wait "$other"
	assert_equal "$(find left right -name result.json | wc -l)" 10
	run bash -c "ls '$(store)' | grep -v lock | wc -l"
	assert_output 1
}

@test "warm: kill -9 while it is made leaves nothing broken" {
	local wait
	for wait in 0.3 1.5 2.6; do
		timeout -s KILL "$wait" "$WURUN" run -q random -o killed --warm on -j 1 || true
	done
	"$WURUN" run -q random -o killed --warm on -j 1
	assert_equal "$(find killed -name result.json | wc -l)" 5
	run bash -c "ls -A '$(store)' | grep -v lock | wc -l"
	assert_output 1
}

@test "warm: another machine is another snapshot" {
	"$WURUN" run -q one -o first-12 --warm on
	run "$WURUN" run larger -o larger-results --warm on
	assert_success
	assert_equal "$(starts larger-results)" "1 warm"
	run bash -c "ls '$(store)' | grep -v lock | wc -l"
	assert_output 2
}
