#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# single: a unit that is one disk, a copy of a complete system's with everything placed
# into its own file system, booted by its own boot loader. No step needs root.

load helpers
load build_helpers
load disk_helpers

setup_file() {
	export GUEST=$BATS_FILE_TMPDIR/guest.img
	disk_require || return 0
	disk_make_busybox "$GUEST"
	sha256sum "$GUEST" >"$BATS_FILE_TMPDIR/digest"
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	umask 022
	PATH=$PATH:/sbin:/usr/sbin
	cat >fit.awk <<-'AWK'
		#!/bin/awk -f
		{ sum += $1 * $2 }
		END { printf "%.3f\n", sum > "fit.txt"; print NR " lines" }
	AWK
	chmod 0755 fit.awk
	seq 2000 | awk '{ print $1, 1 / $1 + $1 / 7 }' >data.txt
}

# After everything, the original is what it was.
teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/digest" ] || sha256sum -c --quiet "$BATS_FILE_TMPDIR/digest"
}

# small IMAGE TABLE OPTION…: an image without a system; its file system, made with these
# options, has a home. TABLE: dos, gpt or none.
small() {
	local image=$1 table=$2 offset=0
	shift 2
	[ -e tree ] || mkdir -p tree/home/auto
	rm -f "$image"
	truncate -s 40M "$image"
	if [ "$table" != none ]; then
		offset=1048576
		printf 'label: %s\n2048,65536,L\n' "$table" | sfdisk -q "$image"
	fi
	mke2fs -q -F -d tree -E "offset=$offset" "$@" "$image" 32M 2>/dev/null
}

# refused MESSAGE ARGUMENT…: wrap says this on one line, changes nothing, leaves nothing.
refused() {
	local message=$1 before
	shift
	before=$(sha256sum <"$image")
	run "$WUC" wrap -q --image "$image" --app fit.awk -o unit "$@"
	assert_failure 1
	assert_output "wuc: base $message"
	assert_equal "$(sha256sum <"$image")" "$before"
	assert_not_exists unit
	assert_equal "$(find . -name '*unit*')" ''
}

@test "from wrap to the output file: booted by its own boot loader, by plain QEMU" {
	build_skip_if_lacking
	awk -f fit.awk data.txt >outside
	"$WUC" wrap -q --image "$GUEST:1" --app fit.awk --input data.txt --output results \
		-o unit
	disk_sound unit/disk.img
	cp --sparse=always unit/disk.img disk.img
	disk_boot disk.img >console
	disk_sound disk.img
	"$WUC" get -q disk.img /home/auto/output out
	cmp out/fit.txt fit.txt
	cmp out/.wu/stdout outside
	[ ! -s out/.wu/stderr ]
	run jq -r '[.class, .exit_status, .script, .scripts[0].name] | @csv' out/.wu/result.json
	assert_output '"ok",0,,"10-main"'
	sha256sum -c --quiet "$BATS_FILE_TMPDIR/digest"
	[ "$(stat -c %b unit/disk.img)" -le $(($(stat -c %b "$GUEST") + 256)) ]
}

@test "from wrap to the output file: wurun run" {
	build_skip_if_lacking
	awk -f fit.awk data.txt >outside
	"$WUC" wrap -q --image "$GUEST" --app fit.awk --input data.txt --output found/here \
		-o unit
	before=$(sha256sum <unit/disk.img)
	"$WURUN" run unit
	assert_equal "$(sha256sum <unit/disk.img)" "$before"
	id=$(jq -r '.instances[0].id' unit/unit.json)
	cmp "found/here/$id/files/fit.txt" fit.txt
	cmp "found/here/$id/stdout" outside
	sha256sum -c --quiet "$BATS_FILE_TMPDIR/digest"
}

@test "a sweep: parameters from the CD, users, failures, the time limit" {
	build_skip_if_lacking
	qemu-img convert -O qcow2 "$GUEST" guest.qcow2
	echo hello >word.txt
	cat >recipe.lua <<-'END'
		return unit {
			name = "sweep", layout = "single",
			base = disk { "guest.qcow2", partition = 1, home = "/home/auto", agent = "none" },
			input = { "word.txt" },
			params = list { { what = "good", n = 1.5 }, { what = "it's \"b ad\"", n = 2 },
				{ what = "slow", n = 3 } },
			command = [[
				id -u >uid.txt
				cat /input/word.txt >/output/word.txt
				printf '%s %s' {what} {n} >what.txt
				grep . /params/params.txt
				case {what} in
				slow) sleep 1000 & sleep 1000 ;;
				good) ;;
				*) exit 3 ;;
				esac]],
			machine = { user = "user", time = "20s", memory = "128M" },
		}
	END
	"$WUC" build -q recipe.lua -o unit
	run "$WURUN" run unit -o results
	assert_failure 1
	for folder in results/*; do
		files=$folder/files
		[ -e "$files" ] || files=$folder/partial
		assert_equal "$(cat "$files/uid.txt")" 1000
		cmp word.txt "$files/word.txt"
		what=$(jq -r .params.what "$folder/result.json")
		assert_equal "$(cat "$files/what.txt")" \
			"$what $(jq -r .params.n "$folder/result.json")"
		grep -qxF "what=$what" "$folder/stdout"
		jq -r '[.class, .exit_status, .signal, .script] | @csv' "$folder/result.json"
	done | sort >said
	run cat said
	assert_output - <<-'END'
		"app-failed",3,,"10-main"
		"ok",0,,
		"time-limit",,15,"10-main"
	END
}

# A guest that comes up with its root read only, and has few inodes.
make_poor_guest() {
	mkdir -p poor/etc/init.d
	cat >poor/etc/init.d/rcS <<-'END'
		#!/bin/sh
		/bin/busybox mount -o remount,rw /
		/bin/busybox --install -s /bin
		mount -o remount,ro /
		mount -t tmpfs tmpfs /run
		hostname guest
	END
	chmod 0755 poor/etc/init.d/rcS
	DISK_FILES=$PWD/poor disk_make_busybox "$1" ext3 -b 1024 -I 128 -N 900
}

@test "the guest ends well: no inodes, no record, a process that was left, a read-only root" {
	build_skip_if_lacking
	make_poor_guest poor.img
	cat >recipe.lua <<-'END'
		return unit {
			name = "poor", layout = "single",
			base = disk { "poor.img", agent = "none" },
			params = list { { what = "full" }, { what = "gone" }, { what = "left" },
				{ what = "slow" } },
			command = [[
				echo {what} | tee what.txt
				case {what} in
				full)
					i=0
					while true >"$i"; do i=$((i + 1)); done
					exit 9
					;;
				gone) rm -rf .wu ;;
				left)
					setsid sleep 301 &
					setsid sh -c 'trap "" TERM; while :; do sleep 1; done' >/dev/null 2>&1 &
					;;
				slow)
					rm -rf .wu
					sleep 1000
					;;
				esac]],
			machine = { time = "20s", memory = "128M" },
		}
	END
	"$WUC" build -q recipe.lua -o unit
	run "$WURUN" run unit -o results
	assert_failure 1
	for folder in results/*; do
		what=$(jq -r .params.what "$folder/result.json")
		cat "$folder"/[fp]*/what.txt
		case $what in
		full | left) grep -qx "$what" "$folder/stdout" ;;
		esac
		jq -r '[.params.what, .class, .exit_status, .signal] | @csv' "$folder/result.json"
	done | sort >said
	run cat said
	assert_output - <<-'END'
		"full","disk-full",9,
		"gone","ok",0,
		"left","ok",0,
		"slow","time-limit",,15
		full
		gone
		left
		slow
	END
}

@test "parameters from a floppy; a folder of the system in an application's place" {
	build_skip_if_lacking
	mkdir -p files/etc files/app
	echo old >files/app/old
	# The cloud kernel has no driver for a floppy's drive: another disk takes its place.
	printf '%s\n' ::sysinit:/etc/init.d/rcS '::sysinit:/bin/ln -s vda /dev/fd0' \
		::once:/home/auto/autorun '::shutdown:/bin/umount -a -r' >files/etc/inittab
	DISK_FILES=$PWD/files disk_make_busybox guest.img
	cat >recipe.lua <<-'END'
		return unit {
			name = "sweep", layout = "single", floppy = true,
			base = disk { "guest.img", agent = "none" },
			app = { "fit.awk" },
			params = { word = "a 'b" },
			command = "printf %s {word} >/output/word; ls /app; ls /params",
		}
	END
	"$WUC" build -q recipe.lua -o unit
	cp unit/disk.img run.img
	disk_boot run.img -drive file="$(echo unit/params/*.img)",format=raw,if=virtio,readonly=on
	disk_sound run.img
	"$WUC" get -q run.img /home/auto/output out
	assert_equal "$(jq -r .class out/.wu/result.json)" ok
	assert_equal "$(cat out/word)" "a 'b"
	grep -qx params.txt out/.wu/stdout
	assert_equal "$(head -n 1 out/.wu/stdout)" fit.awk
}

@test "every kind of table and file system takes a unit, and stays sound" {
	mkdir input
	cp data.txt input/a
	truncate -s 1M input/hole
	while read -r table offset options; do
		# shellcheck disable=SC2086 # a list of words
		small disk.img "$table" $options
		rm -rf unit out
		before=$(sha256sum <disk.img)
		"$WUC" wrap -q --image disk.img --app fit.awk --input input -o unit
		assert_equal "$(sha256sum <disk.img)" "$before"
		run e2fsck -fn "unit/disk.img?offset=$offset"
		assert_success
		"$WUC" get -q unit/disk.img /home/auto out
		diff -r input out/input
		cmp fit.awk out/app/fit.awk
		assert_equal "$(cd out && echo *)" "app autorun input output params scripts"
		assert_equal "$(jq -c .disk.output unit/unit.json)" \
			"{\"offset\":$offset,\"size\":$((offset ? 33554432 : 41943040)),\"folder\":\"/home/auto/output\"}"
	done <<-'END'
		gpt 1048576 -t ext4
		gpt 1048576 -t ext2 -b 1024
		dos 1048576 -t ext3 -b 1024
		dos 1048576 -t ext4 -b 4096 -O 64bit,metadata_csum
		none 0 -t ext3 -b 2048
	END
}

@test "a home that links lead to is told by its own path" {
	mkdir -p tree/usr/people/auto
	ln -s usr/people tree/home
	small disk.img gpt -t ext4
	"$WUC" wrap -q --image disk.img --app fit.awk -o unit
	assert_equal "$(jq -r .disk.output.folder unit/unit.json)" /usr/people/auto/output
	"$WUC" get -q unit/disk.img /usr/people/auto out
	cmp out/app/fit.awk fit.awk
}

@test "images in other formats: the same disk comes out" {
	command -v qemu-img || skip "lacks qemu-img"
	small disk.img dos -t ext3
	"$WUC" wrap -q --image disk.img --app fit.awk -o raw
	for format in qcow2 vmdk vdi; do
		qemu-img convert -O "$format" disk.img "disk.$format"
		before=$(sha256sum <"disk.$format")
		"$WUC" wrap -q --image "disk.$format:1" --format "$format" --app fit.awk -o "$format"
		"$WUC" get -q "$format/disk.img:1" / "out-$format"
		assert_equal "$(sha256sum <"disk.$format")" "$before"
	done
	cmp raw/disk.img qcow2/disk.img
	cmp raw/disk.img vmdk/disk.img
}

@test "the same image and files give the same bytes; what is there already is kept" {
	small disk.img gpt -t ext4
	"$WUC" wrap -q --image disk.img --app fit.awk -o one
	cp disk.img other.img
	touch -d '2001-02-03' fit.awk
	(umask 077 && TZ=Asia/Tokyo "$WUC" wrap -q --image other.img --app ./fit.awk -o two)
	cmp one/disk.img two/disk.img
	stamps one >before
	run "$WUC" wrap --image disk.img --app fit.awk -o one
	assert_output "one: up to date"
	stamps one | cmp before -
}

@test "what an image cannot take is told on one line, and nothing is changed" {
	image=disk.img
	small disk.img gpt -t ext4
	refused 'disk.img:1: /home/none: expected the folder that the unit goes to, found nothing (home, --home)' \
		--home /home/none
	mkdir -p tree/home/auto/output
	small disk.img gpt -t ext4
	refused 'disk.img:1: /home/auto/output: expected nothing there, where the unit'"'"'s is to be'
	rm -r tree
	small disk.img dos -t ext3
	debugfs -w -R 'ssv feature_incompat 6' "disk.img?offset=1048576" 2>/dev/null
	refused 'disk.img:1: its journal is to be recovered: expected a clean file system (e2fsck, or a guest that boots from it and shuts down, makes it clean)'
	small disk.img dos -t ext3
	head -c 31M /dev/urandom >data
	refused 'disk.img:1: no room: 31.0 MiB in 9 files and folders are to go where 25.6 MiB and 8179 inodes are free' \
		--input data
}

@test "a partition that holds something else, or is not there" {
	truncate -s 20M disk.img
	printf 'label: dos\n2048,8192,L\n10240,8192,S\n' | sfdisk -q disk.img
	printf 'SWAPSPACE2' | dd of=disk.img bs=1 seek=$((10240 * 512 + 4086)) conv=notrunc status=none
	run "$WUC" wrap -q --image disk.img:2 --app fit.awk -o unit
	assert_failure 1
	assert_output 'wuc: base disk.img:2: expected an ext2, ext3 or ext4 file system, found swap space'
	run "$WUC" wrap -q --image disk.img:3 --app fit.awk -o unit
	assert_failure 1
	assert_line --index 0 --partial '/disk.img: has no partition 3'
	run "$WUC" wrap -q --image disk.img --app fit.awk -o unit
	assert_failure 1
	assert_line --index 0 "wuc: $PWD/disk.img: expected one of its partitions, as $PWD/disk.img:1"
	assert_not_exists unit
}

@test "a unit that is there stays where the next one fails" {
	small disk.img gpt -t ext4
	"$WUC" wrap -q --image disk.img --app fit.awk -o unit
	digests unit >before
	run "$WUC" wrap -q --image disk.img --app fit.awk --home /none -o unit
	assert_failure 1
	digests unit | cmp before -
}

# Prints the lines in which a special built-in is redirected: a shell ends where that fails.
redirected() {
	local special='(:|\.|times|eval|exec|export|readonly|set|shift|trap|unset|return|break|continue|exit)'
	sed "s/'[^']*'//g" "$@" |
		grep -E "(^|[;&|({!]|\b(if|then|elif|else|do|while|until))\s*$special(\s[^;|&)}]*)?\s[0-9]*[<>]" |
		sed 's/^\s*//'
}

@test "no shell that a guest may have ends at what cannot be written" {
	run redirected - <<-'END'
		times >"$record/times" || return 0
		if ! { : >"$x"; } 2>/dev/null; then
		command times >x || true >"$y" || : x
	END
	assert_equal "${#lines[@]}" 2
	# Both in shells of their own, which may end.
	run redirected "$ROOT"/compiler/*.in "$ROOT"/runtime/host/*.in
	assert_output - <<-'END'
		exec "$@" </dev/null >>"$record/stdout" 2>>"$record/stderr"
		(set -C && : >"$image") 2>/dev/null ||
	END
	small disk.img gpt -t ext4
	"$WUC" wrap -q --image disk.img --app fit.awk -o unit
	"$WUC" get -q unit/disk.img /home/auto out
	sed '/^script=/,$d' out/autorun >check
	cat >>check <<-'END'
		home=$1 record=$1/output/.wu mounts='' cpu_ms=7 ms=0 name=x script=x kills=0 from_kills=0
		class=ok reason='' failed=null scripts='' status=3 number=null all_ms=0 all_cpu_ms=0
		stopped=no limited=no
		{
			hold_record || echo 'no record'
			read_cpu
			echo "cpu $cpu_ms"
			judge || echo "$class"
			write_record || echo 'not written'
			find_ours
			find_leftovers || echo 'nobody is left'
		} 2>/dev/null
		echo lived
		end() { echo ended; }
		say() { echo "$1"; }
		trap rescue EXIT
		pid=
		{ : >"$record/none"; } 2>/dev/null
		echo 'never here'
	END
	for shell in dash 'busybox sh' 'bash --posix'; do
		command -v "${shell%% *}" >/dev/null || skip "lacks ${shell%% *}"
		# shellcheck disable=SC2086 # its words
		run $shell check "$PWD/none"
		assert_output "$(printf '%s\n' 'no record' 'cpu 7' disk-full 'not written' \
			'nobody is left' lived 'the shell failed' ended)"
	done
}

@test "what wrap is asked must make sense" {
	run "$WUC" wrap --app fit.awk
	assert_failure 2
	assert_line --index 0 'wuc: wrap: expected a disk image and an application, with --image IMAGE --app APP'
	for path in /abs ../up a/../b . ''; do
		run "$WUC" wrap --image x --app fit.awk --output "$path"
		assert_failure 2
		assert_line --index 0 --partial '--output: expected a relative path'
	done
	for home in home/auto / /a/../b ''; do
		run "$WUC" wrap --image x --app fit.awk --home "$home"
		assert_failure 2
		assert_line --index 0 --partial '--home: expected a path'
	done
	run "$WUC" wrap --image x --app fit.awk --command ' '
	assert_failure 2
	assert_line --index 0 'wuc: --command: expected a script, found " "'
	run "$WUC" wrap --image x --app fit.awk --memory 32M
	assert_failure 2
	assert_line --index 0 'wuc: --memory: expected a size from 96M to 16T, found "32M"'
	run "$WUC" wrap --image fit.awk --app fit.awk --format bogus
	assert_failure 1
	assert_output --partial 'fit.awk: expected the format raw or qcow2 or vmdk or '
	run "$WUC" wrap --image none.img --app fit.awk
	assert_failure 1
	run "$WUC" wrap --image fit.awk --app .
	assert_failure 1
	assert_output 'wuc: .: is a folder: expected what is run, with --command CMD'
}
