#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# rebuild: what a build knows of its inputs without reading them, what it notices all the
# same, and disks that units share.

load helpers
load build_helpers

setup_file() {
	build_require_base
}

# A cache of its own, with the real one's bases: what is known and stored starts empty.
setup() {
	build_skip_if_lacking
	cd "$BATS_TEST_TMPDIR" || return
	local store=${XDG_CACHE_HOME:-$HOME/.cache}/workunit
	export XDG_CACHE_HOME=$PWD/cache
	mkdir -p cache/workunit
	ln -s "$store/bases" "$store/keys" "$store/packages" cache/workunit/
	mkdir -p repo/data
	cat >repo/r.lua <<-'EOF'
		return unit {
			name = "r",
			input = { "data" },
			command = "true",
			output = { size = "4M" },
		}
	EOF
	local i
	for i in $(seq 100 129); do
		seq "$i" 999 >"repo/data/$i"
	done
}

# Inputs are remembered once their times are past for two seconds.
settle() {
	sleep 2.1
}

build() {
	"$WUC" build --why repo/r.lua -o unit "$@"
}

# How many input files a build opens.
count_opened() {
	strace -f -e trace=open,openat,openat2 -o trace "$WUC" build -q repo/r.lua -o unit "$@"
	grep -c 'data/\|"1[0-2][0-9]"' trace || true
}

require_strace() {
	command -v strace >/dev/null || skip "lacks strace"
	strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
}

built() {
	settle
	build -q
	build -q
}

known() {
	echo cache/workunit/known/*
}

inode() {
	stat -c %i "$1"
}

@test "nothing changed: up to date, and no input is opened" {
	require_strace
	settle
	run count_opened
	assert [ "$output" -ge 30 ]
	run count_opened
	assert_output 0
	run build
	assert_output "unit: up to date, 1 instance"
	assert_equal "$(stat -c %a "$(known)")" 600
}

@test "a first build reads each file once" {
	require_strace
	run count_opened
	assert_output 30
	rm -r unit
	run count_opened
	assert_output 30
}

@test "inputs that changed just now are read again, and then known" {
	require_strace
	build -q
	run count_opened
	assert_output 30
	settle
	run count_opened
	run count_opened
	assert_output 0
	touch repo/data/105
	run count_opened
	assert_output 1
}

@test "only what changed is read to find out" {
	require_strace
	built
	touch repo/data/1{05,06,07}
	run count_opened -n
	assert_output 3
	run build
	assert_output "unit: up to date, 1 instance"
}

@test "same size, time set back: noticed" {
	built
	touch -r repo/data/110 time
	sed -i 's/^500$/005/' repo/data/110
	touch -r time repo/data/110
	run build
	assert_line "app.img: /input/data/110 changed"
	refute_line --partial "data/111"
	assert_equal "$(cat_from unit/app.img /input/data/110 | sed -n 391p)" 005
	run build
	assert_output "unit: up to date, 1 instance"
}

@test "written in place, same size, time set back: noticed" {
	built
	touch -r repo/data/110 time
	printf 999 | dd of=repo/data/110 conv=notrunc status=none
	touch -r time repo/data/110
	run build
	assert_line "app.img: /input/data/110 changed"
	assert_equal "$(cat_from unit/app.img /input/data/110 | head -n 1)" 999
}

@test "another file of the same size and time in its place: noticed" {
	sed 's/^500$/005/' repo/data/110 >other
	touch -r repo/data/110 other
	built
	mv other repo/data/110
	run build
	assert_line "app.img: /input/data/110 changed"
	assert_equal "$(cat_from unit/app.img /input/data/110 | sed -n 391p)" 005
}

@test "two files that change their names: noticed" {
	built
	mv repo/data/110 x
	mv repo/data/111 repo/data/110
	mv x repo/data/111
	run build
	assert_line "app.img: /input/data/110 changed"
	assert_line "app.img: /input/data/111 changed"
	assert_equal "$(cat_from unit/app.img /input/data/110 | head -n 1)" 111
}

@test "a change right after the build: noticed" {
	settle
	local i
	for i in 1 2 3 4 5 6 7 8; do
		printf '%s\n' "$((100 + i))" | dd of=repo/data/100 conv=notrunc status=none
		build -q
		assert_equal "$(cat_from unit/app.img /input/data/100 | head -n 1)" "$((100 + i))"
	done
}

@test "new, gone and empty files" {
	built
	rm repo/data/101
	echo new >repo/data/new
	: >repo/data/102
	run build
	assert_line "app.img: /input/data/101 is gone"
	assert_line "app.img: /input/data/102 changed"
	assert_line "app.img: /input/data/new is new"
	assert_equal "$(grep -c '^app.img' <<<"$output")" 3
}

# damage HOW FILE
damage() {
	case $1 in
	bytes) printf X | dd of="$2" bs=1 seek=900 conv=notrunc status=none ;;
	cut) truncate -s 700 "$2" ;;
	longer) truncate -s +1 "$2" ;;
	empty) : >"$2" ;;
	foreign) head -c 3000 /dev/urandom >"$2" ;;
	fifo) rm "$2" && mkfifo "$2" ;;
	endless) rm "$2" && ln -s /dev/zero "$2" ;;
	esac
}

@test "a cache that is damaged, cut off or foreign is ignored, and mended" {
	built
	local file how
	file=$(known)
	cp "$file" good
	for how in bytes cut longer empty foreign fifo endless; do
		damage "$how" "$file"
		run -0 build
		assert_output "unit: up to date, 1 instance"
		assert [ ! -L "$file" ]
		run -0 cmp good "$file"
	done
}

@test "a cache that cannot be written is no error" {
	: >cache/workunit/known
	: >cache/workunit/disks
	run -0 build -q
	run -0 build
	assert_output "unit: up to date, 1 instance"
}

@test "a unit that was moved is still up to date" {
	built
	mv unit elsewhere
	run -0 "$WUC" build --why repo/r.lua -o elsewhere
	assert_output "elsewhere: up to date, 1 instance"
	# A new unit's cache takes the place of those that are gone.
	assert_equal "$(find cache/workunit/known -type f | wc -l)" 1
}

@test "a unit that was copied, and a repository that was copied" {
	built
	cp -a unit copy
	run -0 "$WUC" build --why repo/r.lua -o copy
	assert_output "copy: up to date, 1 instance"
	cp -a repo again
	printf 999 | dd of=again/data/110 conv=notrunc status=none
	touch -r repo/data/110 again/data/110
	run -0 "$WUC" build --why again/r.lua -o unit
	assert_line "app.img: /input/data/110 changed"
}

@test "units with equal disks share them" {
	build -q
	cp -a repo other
	"$WUC" build -q other/r.lua -o two
	assert_equal "$(inode two/app.img)" "$(inode unit/app.img)"
	assert_equal "$(inode two/output.img)" "$(inode unit/output.img)"
	# Both units and the store.
	assert_equal "$(stat -c %h unit/app.img)" 3
	assert_equal "$(stat -c %a unit/app.img)" 644
	echo more >>other/data/100
	"$WUC" build -q other/r.lua -o two
	assert_not_equal "$(inode two/app.img)" "$(inode unit/app.img)"
	assert_equal "$(inode two/output.img)" "$(inode unit/output.img)"
	assert_equal "$(stat -c %h unit/app.img)" 2
	# And what the manifests say is true.
	for unit in unit two; do
		run -0 "$WURUN" verify "$unit"
	done
	# Back again: the disk that the first unit still has.
	cp -a repo/data/100 other/data/100
	"$WUC" build -q other/r.lua -o two
	assert_equal "$(inode two/app.img)" "$(inode unit/app.img)"
	run -0 "$WURUN" verify two
}

@test "a disk that somebody wrote into is not passed on" {
	build -q
	printf x | dd of=unit/app.img bs=1 seek=70000 conv=notrunc status=none
	printf x | dd of=unit/output.img bs=1 seek=70000 conv=notrunc status=none
	"$WUC" build -q repo/r.lua -o two
	assert_not_equal "$(inode two/app.img)" "$(inode unit/app.img)"
	assert_not_equal "$(inode two/output.img)" "$(inode unit/output.img)"
	run -0 "$WURUN" verify two
	# The new ones are those to share now.
	"$WUC" build -q repo/r.lua -o three
	assert_equal "$(inode two/app.img)" "$(inode three/app.img)"
}

@test "disks that no unit has any more are removed" {
	build -q
	rm -r unit
	# A build that makes nothing does not look.
	sed -i 's/4M/5M/' repo/r.lua
	echo more >>repo/data/100
	build -q
	assert_equal "$(find cache/workunit/disks -type f | wc -l)" 4
	assert_equal "$(stat -c %h cache/workunit/disks/*.img | sort -u)" 2
}

@test "units on another filesystem than the store have disks of their own" {
	[ -w /dev/shm ] || skip "lacks /dev/shm"
	[ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ] || skip "lacks a second filesystem"
	build -q
	local there=/dev/shm/wu-rebuild.$$
	mkdir "$there"
	run -0 "$WUC" build -q repo/r.lua -o "$there/unit"
	run -0 "$WURUN" verify "$there/unit"
	local links
	links=$(stat -c %h "$there/unit/app.img")
	rm -r "$there"
	assert_equal "$links" 1
	# What is stored stays.
	"$WUC" build -q repo/r.lua -o two
	assert_equal "$(inode two/app.img)" "$(inode unit/app.img)"
}

@test "--always-make makes disks of its own, and those are shared from then on" {
	built
	local before
	before=$(inode unit/app.img)
	run build -B
	assert_line "every file: --always-make asks for it"
	assert_not_equal "$(inode unit/app.img)" "$before"
	"$WUC" build -q repo/r.lua -o two
	assert_equal "$(inode two/app.img)" "$(inode unit/app.img)"
	# It reads all of the inputs, known or not.
	require_strace
	run count_opened -B
	assert_output 30
}

@test "-n writes neither what is known nor disks" {
	settle
	run -0 build -n
	assert_line "app.img: there is no old unit"
	assert_not_exist cache/workunit/known
	assert_not_exist cache/workunit/disks
	assert_not_exist unit
	build -q
	local before
	before=$(stat -c '%n %i %Y' cache/workunit/*/* | grep -v bases)
	echo more >>repo/data/100
	run -0 build -n
	assert_line "app.img: /input/data/100 changed"
	assert_equal "$(stat -c '%n %i %Y' cache/workunit/*/* | grep -v bases)" "$before"
}

@test "an app disk that is missing is made again, and reasons stay exact" {
	built
	rm unit/app.img
	echo more >>repo/data/104
	run build
	assert_line "app.img: it is missing or damaged"
	assert_line "app.img: /input/data/104 changed"
	run -0 "$WURUN" verify unit
	rm unit/app.img
	run build
	assert_output "app.img: it is missing or damaged
unit: 1 instance, 2 files made, 6 kept"
	run -0 "$WURUN" verify unit
}
