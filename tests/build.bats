#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# build: what a build writes and what it leaves alone, what it says, and that the same
# recipe gives the same bytes wherever, whenever and by whomever it is built.

load helpers
load build_helpers

setup_file() {
	build_require_base
}

setup() {
	build_skip_if_lacking
	cd "$BATS_TEST_TMPDIR" || return
}

# A small repository: two parameters, a script, an input.
make_repo() {
	mkdir -p "$1/data"
	cat >"$1/sir.lua" <<-'EOF'
		return unit {
			app = { "sir.awk" },
			input = { "data" },
			params = grid { beta = { 1, 2 }, gamma = { 0.5 } },
			command = "awk -v beta={beta} -v gamma={gamma} -f /app/sir.awk /input/data/cases.csv",
			output = { size = "4M" },
			machine = { memory = "128M" },
		}
	EOF
	echo 'BEGIN { print beta * gamma }' >"$1/sir.awk"
	printf '1,3\n2,8\n' >"$1/data/cases.csv"
	printf 'x\n' >"$1/data/notes"
}

repo_unit() {
	make_repo repo
	cd repo || return
	"$WUC" build -q sir.lua
	stamps units/sir >../before
}

# The files of units/sir that are not those that they were, by name.
rewritten() {
	stamps units/sir >../after
	comm -13 <(sort ../before) <(sort ../after) | cut -d' ' -f1 | xargs
}

@test "a build that changes nothing rewrites nothing" {
	repo_unit
	touch -d '1 hour ago' units/sir/unit.json
	inode=$(stat -c %i units/sir/unit.json)
	touch reference
	sleep 0.02
	run "$WUC" build sir.lua
	assert_success
	assert_output "units/sir: up to date, 2 instances"
	assert_equal "$(rewritten)" ""
	assert_equal "$(stat -c %i units/sir/unit.json)" "$inode"
	# make(1) goes by time.
	[ units/sir/unit.json -nt reference ]
	run "$WUC" build --why sir.lua
	assert_output "units/sir: up to date, 2 instances"
}

@test "a changed parameter rewrites its CDs and the manifest" {
	repo_unit
	sed -i 's/beta = { 1, 2 }/beta = { 3, 1, 2 }/' sir.lua
	run "$WUC" build --why sir.lua
	assert_success
	assert_output "params: 1 instance is new
units/sir: 3 instances, 2 files made, 8 kept"
	id=$(id_of '{"beta":3,"gamma":0.5}')
	assert_equal "$(rewritten)" "./params/$id.iso"
	sed -i 's/beta = { 3, 1, 2 }/beta = { 2 }/' sir.lua
	run "$WUC" build --why sir.lua
	assert_output "params: 2 instances are gone
units/sir: 1 instance, 1 file made, 7 kept"
	assert_equal "$(find units/sir/params -type f | wc -l)" 1
}

@test "a new order of the sweep rewrites the manifest only" {
	repo_unit
	sed -i 's/beta = { 1, 2 }/beta = { 2, 1 }/' sir.lua
	run "$WUC" build --why sir.lua
	assert_output "unit.json: what it says of the unit changed
units/sir: 2 instances, 1 file made, 8 kept"
	assert_equal "$(rewritten)" ""
	assert_equal "$(jq -r '.instances[0].params.beta' units/sir/unit.json)" 2
}

@test "a changed input rewrites the app disk, its listing and the manifest" {
	repo_unit
	echo '3,28' >>data/cases.csv
	echo more >data/more
	rm data/notes
	run "$WUC" build --why sir.lua
	assert_output "app.img: /input/data/cases.csv changed
app.img: /input/data/more is new
app.img: /input/data/notes is gone
units/sir: 2 instances, 3 files made, 6 kept"
	assert_equal "$(rewritten)" "./app.img ./app.mtree"
	assert_equal "$(cat_from units/sir/app.img /input/data/cases.csv | tail -n 1)" "3,28"
}

@test "a touched input rewrites nothing" {
	repo_unit
	touch data/cases.csv sir.awk sir.lua
	chmod g+w data/cases.csv
	run "$WUC" build --why sir.lua
	assert_output "units/sir: up to date, 2 instances"
}

@test "another command rewrites the app disk" {
	repo_unit
	sed -i 's/command = "awk/command = "exec awk/' sir.lua
	run "$WUC" build --why sir.lua
	assert_output "app.img: /scripts/10-main changed
units/sir: 2 instances, 3 files made, 6 kept"
}

@test "another machine rewrites run.sh and the manifest" {
	repo_unit
	sed -i 's/memory = "128M"/memory = "256M", time = "1m"/' sir.lua
	run "$WUC" build --why sir.lua
	assert_output "run.sh: the machine, the base or wuc changed
units/sir: 2 instances, 2 files made, 7 kept"
	assert_equal "$(rewritten)" "./run.sh"
}

@test "another output size rewrites the output disk" {
	repo_unit
	sed -i 's/size = "4M"/size = "8M"/' sir.lua
	run "$WUC" build --why sir.lua
	assert_line "output.img: its size changed"
	assert_equal "$(rewritten)" "./output.img"
}

@test "another time stamp rewrites what holds one" {
	repo_unit
	SOURCE_DATE_EPOCH=1700000000 run "$WUC" build --why sir.lua
	assert_success
	assert_line "app.img: the time stamp changed"
	assert_line "params: 2 CDs have another time stamp"
	assert_equal "$(jq .epoch units/sir/unit.json)" 1700000000
	stat_of units/sir/app.img /app/sir.awk | grep -q 'mtime: 0x6553f100:00000000'
	SOURCE_DATE_EPOCH=1.5 run "$WUC" build sir.lua
	assert_failure 2
	assert_line --index 0 'wuc: SOURCE_DATE_EPOCH: expected seconds since 1970, found "1.5"'
}

@test "what is missing from a unit is made again" {
	repo_unit
	rm units/sir/app.img units/sir/run.sh units/sir/base/kernel "units/sir/params/$(id_of '{"beta":1,"gamma":0.5}').iso"
	truncate -s 100 units/sir/output.img
	digests units/sir >../damaged
	run "$WUC" build --why sir.lua
	assert_output "app.img: it is missing or damaged
output.img: it is missing or damaged
run.sh: it is missing or damaged
base/kernel: it is missing or damaged
params: 1 CD is missing or damaged
units/sir: 2 instances, 6 files made, 3 kept"
	digests units/sir >../mended
	"$WUC" build -q -o ../fresh sir.lua
	digests ../fresh | diff ../mended -
}

@test "a manifest that cannot be read makes everything again" {
	repo_unit
	digests units/sir >../good
	echo '{' >units/sir/unit.json
	run "$WUC" build --why sir.lua
	assert_success
	assert_line "app.img: there is no old unit"
	digests units/sir | diff ../good -
}

@test "-n says what would be made and makes nothing" {
	make_repo repo
	cd repo
	run "$WUC" build -n sir.lua
	assert_success
	assert_line "app.img: there is no old unit"
	assert_line "params: 2 instances are new"
	assert_line "units/sir: 2 instances, 9 files to make, 0 kept"
	assert_not_exist units
	"$WUC" build -q sir.lua
	(find . -printf '%p %i %T@\n' && digests .) >../before
	sed -i 's/beta = { 1, 2 }/beta = { 3 }/' sir.lua
	run "$WUC" build -n sir.lua
	assert_line "params: 1 instance is new"
	assert_line "params: 2 instances are gone"
	sed -i 's/beta = { 3 }/beta = { 1, 2 }/' sir.lua
	(find . -printf '%p %i %T@\n' && digests .) >../after
	diff <(grep -v 'sir.lua\|^\. ' ../before) <(grep -v 'sir.lua\|^\. ' ../after)
}

@test "the user's own files in a unit survive a build" {
	repo_unit
	echo mine >units/sir/notes.txt
	mkdir -p units/sir/results/deep
	echo result >units/sir/results/deep/file
	ln -s nowhere units/sir/link
	sed -i 's/beta = { 1, 2 }/beta = { 5 }/' sir.lua
	"$WUC" build -q sir.lua
	assert_equal "$(cat units/sir/notes.txt units/sir/results/deep/file)" "mine
result"
	assert_equal "$(readlink units/sir/link)" nowhere
	assert_equal "$(ls -A units)" sir
}

@test "a folder that is no unit is left alone" {
	make_repo repo
	cd repo
	mkdir -p units/sir
	echo mine >units/sir/thesis.tex
	run "$WUC" build sir.lua
	assert_failure 1
	assert_output "wuc: units/sir: exists and is no unit: remove it, or name another place with -o"
	assert_equal "$(cat units/sir/thesis.tex)" mine
	assert_equal "$(ls -A units)" sir
	rm units/sir/thesis.tex
	run "$WUC" build -q sir.lua
	assert_success
	echo x >file
	run "$WUC" build -o file sir.lua
	assert_failure 1
	assert_output "wuc: file: Not a directory"
	run "$WUC" build -o file/unit sir.lua
	assert_failure 1
}

@test "the unit's folder may be here, above, a link, or have slashes at its end" {
	make_repo repo
	mkdir here real
	(cd here && "$WUC" build -q -o . ../repo/sir.lua)
	assert_file_exists here/unit.json
	(cd here && sed -i 's/{ 1, 2 }/{ 1 }/' ../repo/sir.lua && "$WUC" build -q -o . ../repo/sir.lua)
	assert_equal "$(jq '.instances | length' here/unit.json)" 1
	ln -s real link
	"$WUC" build -q -o link repo/sir.lua
	assert_link_exists link
	assert_file_exists real/unit.json
	echo 'print()' >>repo/sir.awk
	"$WUC" build -q -o link/// repo/sir.lua
	assert_link_exists link
	digests real | diff - <("$WUC" build -q -o deep/er/unit repo/sir.lua && digests deep/er/unit)
	assert_equal "$(find . -name '*.wuc-*')" ""
}

@test "a build that is killed leaves the old unit or none, and no litter for the next" {
	make_repo repo
	cd repo
	sed -i 's/beta = { 1, 2 }/beta = range(1, 400)/' sir.lua
	local delay
	for delay in 0.01 0.03 0.05 0.08 0.12 0.2; do
		"$WUC" build -q sir.lua &
		sleep "$delay"
		kill -9 $! 2>/dev/null || true
		wait $! || true
		[ ! -e units/sir ] || "$WUC" inspect units/sir >inspected
	done
	"$WUC" build -q sir.lua
	assert_equal "$(ls -A units)" sir
	digests units/sir >../old
	echo mine >units/sir/mine
	sed -i 's/range(1, 400)/range(2, 401)/' sir.lua
	for delay in 0.01 0.03 0.05 0.08 0.12 0.2; do
		"$WUC" build -q sir.lua &
		sleep "$delay"
		kill -9 $! 2>/dev/null || true
		wait $! || true
		assert_equal "$(cat units/sir/mine units/.sir.wuc-*/mine 2>/dev/null)" mine
		assert_equal "$(jq '.instances | length' units/sir/unit.json)" 400
		assert_equal "$(find units/sir/params -type f | wc -l)" 400
	done
	"$WUC" build -q sir.lua
	assert_equal "$(ls -A units)" sir
	assert_equal "$(cat units/sir/mine)" mine
	rm units/sir/mine
	digests units/sir | diff - <("$WUC" build -q -o ../fresh sir.lua && digests ../fresh)
}

@test "a build that died just after the exchange keeps the user's files" {
	repo_unit
	# What such a build leaves: the old folder, with what is the user's, under a hidden name.
	cp -a units/sir units/.sir.wuc-00000001
	echo mine >units/.sir.wuc-00000001/mine
	run "$WUC" build -q sir.lua
	assert_success
	assert_equal "$(cat units/sir/mine)" mine
	assert_equal "$(ls -A units)" sir
	# The same on a filesystem without exchange: the unit itself stepped aside.
	mv units/sir units/.sir.wuc-00000002.old
	sed -i 's/gamma = { 0.5 }/gamma = { 0.6 }/' sir.lua
	run "$WUC" build -q sir.lua
	assert_success
	assert_equal "$(cat units/sir/mine)" mine
	assert_equal "$(ls -A units)" sir
}

@test "two builds of one unit at once do no harm" {
	make_repo repo
	cd repo
	"$WUC" build -q sir.lua
	sed 's/beta = { 1, 2 }/beta = range(1, 300)/; s/unit {/unit { name = "sir",/' sir.lua >other.lua
	for _ in 1 2 3; do
		"$WUC" build -q sir.lua &
		"$WUC" build -q other.lua
		wait $!
		"$WUC" inspect units/sir >inspected
		assert_equal "$(jq '.instances | length' units/sir/unit.json)" "$(find units/sir/params -type f | wc -l)"
	done
	assert_equal "$(ls -A units)" sir
}

@test "the same bytes from other folders, locales, time zones, umasks and orders of files" {
	make_repo one
	mkdir -p two/deep
	(
		cd two/deep
		umask 077
		mkdir -p repo/data
		# Another order, other times and modes.
		printf 'x\n' >repo/data/notes
		printf '1,3\n2,8\n' >repo/data/cases.csv
		cp ../../one/sir.awk ../../one/sir.lua repo/
		touch -d '2001-02-03' repo/data/* repo/sir.*
		chmod 0600 repo/data/notes
		TZ=Asia/Kathmandu LC_ALL=$(locale -a | grep -i -m1 'utf' || echo C) LANG=de_DE.UTF-8 \
			"$WUC" build -q -o ../unit repo/sir.lua
	)
	# With -B, so that no disk is a link to one that an earlier build stored.
	"$WUC" build -qB -o first one/sir.lua
	diff <(digests first) <(digests two/unit)
	diff <(cd first && find . -printf '%p %m %s\n' | sort) <(cd two/unit && find . -printf '%p %m %s\n' | sort)
	if command -v faketime >/dev/null; then
		faketime '2031-01-01' "$WUC" build -qB -o third one/sir.lua
		diff <(digests first) <(digests third)
	fi
	sleep 1.1
	"$WUC" build -qB -o fourth one/sir.lua
	diff <(digests first) <(digests fourth)
}

# A folder that other users may enter: the tests' own folders are not.
open_folder() {
	OPEN=$(mktemp -d "${TMPDIR:-/tmp}/wuc-open-XXXXXX")
	chmod 0755 "$OPEN"
}

teardown() {
	[ -z "${OPEN:-}" ] || rm -rf "$OPEN"
}

@test "the same bytes by another user" {
	[ "$(id -u)" -eq 0 ] || skip "lacks root, to become another user"
	command -v setpriv >/dev/null || skip "lacks setpriv"
	open_folder
	cd "$OPEN"
	make_repo repo
	chmod -R a+rX repo
	mkdir -p other/cache/workunit
	cp "$WUC" "$(dirname "$WUC")/wuguest" other/
	cp -r "$ROOT/recipes" .
	local store
	store=$(dirname "$(dirname "$("$WUC" base path mini)")")
	cp -r "$store/bases" "$store/keys" other/cache/workunit/
	chown -R 1234:1234 other
	"$WUC" build -qB -o first repo/sir.lua
	(cd other && setpriv --reuid 1234 --regid 1234 --clear-groups \
		env HOME=/nonexistent XDG_CACHE_HOME="$PWD/cache" ./wuc build -q -o unit ../repo/sir.lua)
	diff <(digests first) <(digests other/unit)
	assert_equal "$(stat -c %u other/unit/app.img)" 1234
}

@test "--set and --only make units of fewer instances" {
	make_repo repo
	"$WUC" build -q -o unit --only beta=2 repo/sir.lua
	assert_equal "$(jq -c '[.instances[].params]' unit/unit.json)" '[{"beta":2,"gamma":0.5}]'
	"$WUC" build -q -o unit --set beta=7.5 --set gamma=x repo/sir.lua
	assert_equal "$(jq -c '[.instances[].params]' unit/unit.json)" '[{"beta":7.5,"gamma":"x"}]'
}

@test "the depfile names what was read, for make, whatever the names" {
	mkdir -p 'a repo/data #1' bases
	cd 'a repo'
	local cash="data #1/\$cash & carry"
	echo 'x' >"$cash"
	echo 'y' >'data #1/back\slash'
	echo 'return "true"' >'part two.lua'
	echo 'a
1' >rows.csv
	cat >r.lua <<-'EOF'
		return unit {
			name = "r",
			command = include "part two.lua",
			params = csv "rows.csv",
			input = { "data #1", only = "data #1/*slash" },
		}
	EOF
	cat >Makefile <<-'EOF'
		.RECIPEPREFIX = >
		out\ put/r/unit.json: r.lua
		> $(WUC) build -q -o 'out put/r' -MD -MP -MF 'dep file' -MT 'out put/r/unit.json' r.lua
		> @echo built
		-include dep\ file
	EOF
	run make --no-print-directory -s
	assert_output built
	run make --no-print-directory -s
	refute_output --partial built
	local file
	for file in r.lua 'part two.lua' rows.csv "$cash" 'data #1/back\slash'; do
		sleep 0.02
		touch "$file"
		run make --no-print-directory -s
		assert_output built
		run make --no-print-directory -s
		refute_output --partial built
	done
	# A new file in a folder that was read, and one that went: -MP keeps make going.
	sleep 0.02
	touch 'data #1/new'
	run make --no-print-directory -s
	assert_output built
	rm 'data #1/new' "$cash"
	run make --no-print-directory -s
	assert_success
	assert_output built
	run make --no-print-directory -s
	refute_output --partial built
}

@test "-MD writes beside the unit, and the base's recipe and lock are in it" {
	make_repo repo
	cd repo
	cp "$ROOT"/recipes/{mini.lua,mini.lock,wu-progress} .
	sed -i 's/unit {/unit { base = "mini.lua",/' sir.lua
	"$WUC" build -q -MD sir.lua
	assert_file_exists units/sir.d
	head -n 1 units/sir.d | grep -qx "units/sir/unit.json: [\\]"
	grep -q '^  sir.lua' units/sir.d
	grep -q 'mini.lua' units/sir.d
	grep -q 'mini.lock' units/sir.d
	run grep -c ':$' units/sir.d
	assert_output 0
	"$WUC" build -q -MDF d 2>/dev/null sir.lua || "$WUC" build -q -MD -MFd -MTtarget sir.lua
	head -n 1 d | grep -qx "target: [\\]"
}

@test "exit statuses: 0 built, 1 failed, 2 bad usage" {
	make_repo repo
	cd repo
	run "$WUC" build -q sir.lua
	assert_success
	assert_output ""
	run "$WUC" build none.lua
	assert_failure 1
	for arguments in "" "a.lua b.lua" "--nonsense sir.lua" "-o" "--set beta sir.lua" "-MX sir.lua" "-MF"; do
		# shellcheck disable=SC2086
		run "$WUC" build $arguments
		assert_failure 2
		assert_line "wuc: wuc build --help says how to use it"
	done
	run "$WUC"
	assert_failure 2
	run "$WUC" frobnicate
	assert_failure 2
	assert_output "wuc: no command 'frobnicate' (wuc --help lists them)"
	run "$WUC" inspect none
	assert_failure 1
	run "$WUC" inspect
	assert_failure 2
	run "$WUC" inspect repo
	assert_failure 1
	run "$WUC" check
	assert_failure 2
	run "$WUC" base
	assert_failure 2
	run "$WUC" base path none
	assert_failure 1
}

@test "every command explains itself" {
	local command
	for command in build check inspect base; do
		run "$WUC" "$command" --help
		assert_success
		assert_line --index 0 --partial "usage: wuc $command"
		run "$WUC" "$command" -h
		assert_success
	done
	run "$WUC" --help
	assert_success
	assert_line --partial "wuc inspect"
	run "$WUC" --version
	assert_success
	assert_output --regexp '^wuc [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "output that cannot be written is a failure" {
	[ -c /dev/full ] || skip "lacks /dev/full"
	make_repo repo
	local arguments
	for arguments in "build -o unit repo/sir.lua" "check repo/sir.lua" "inspect unit" "inspect --json unit" \
		"build --help" "--help" "--version" "base list"; do
		# shellcheck disable=SC2086
		run bash -c '"$WUC" "$@" >/dev/full' - $arguments
		assert_failure 1
		assert_output --partial "No space left on device"
	done
	# Someone who reads no further is none.
	run bash -c '"$WUC" inspect --json unit | true; echo "${PIPESTATUS[0]}"'
	assert_line --index 0 --regexp '^(0|141)$'
}

@test "a disk that is full fails the build and keeps the old unit" {
	[ "$(id -u)" -eq 0 ] || skip "lacks root, to mount a small filesystem"
	unshare -m true 2>/dev/null || skip "lacks mount namespaces"
	make_repo repo
	mkdir small
	cat >try <<-'EOF'
		mount -t tmpfs -o size=40M tmpfs small || exit 77
		"$WUC" build -q -o small/unit repo/sir.lua || exit 1
		find small/unit -type f | sort | xargs sha256sum >before
		head -c 200M /dev/urandom >repo/data/big
		"$WUC" build -q -o small/unit repo/sir.lua && exit 2
		find small/unit -type f | sort | xargs sha256sum | cmp - before || exit 3
		[ "$(ls -A small)" = unit ] || exit 4
	EOF
	run unshare -m sh try
	[ "$status" -ne 77 ] || skip "lacks the right to mount a tmpfs"
	assert_success
	assert_output --partial "No space left on device"
}

@test "every image is sound and every CD can be read" {
	make_repo repo
	"$WUC" build -q -o unit repo/sir.lua
	local image iso
	for image in unit/app.img unit/output.img; do
		run e2fsck -fn "$image"
		assert_success
	done
	for iso in unit/params/*.iso; do
		run xorriso -indev "$iso" -toc
		assert_success
		assert_output --partial "WU_PARAMS"
		run isoinfo -R -l -i "$iso"
		assert_success
		assert_line --partial "params.txt"
		assert_equal "$(isoinfo -R -x /params.txt -i "$iso")" "$(cd_file "$iso" params.txt)"
	done
}

@test "10,000 instances compile in seconds and little memory" {
	cat >many.lua <<-'EOF'
		return unit {
			params = grid { a = range(1, 100), b = linspace(0, 1, 100) },
			command = "echo {a} {b}",
		}
	EOF
	# The limit on memory counts what is private and writable. Twice the promised 10 s: what
	# else runs on this machine must not fail the test.
	# shellcheck disable=SC2016
	run timeout 20 bash -c 'ulimit -d 102400 && "$WUC" build -q -o unit many.lua'
	assert_success
	assert_equal "$(find unit/params -type f | wc -l)" 10000
	run timeout 20 "$WUC" build many.lua -o unit
	assert_output "unit: up to date, 10000 instances"
}

@test "a build uses no shell, no mount and no other program" {
	command -v strace >/dev/null || skip "lacks strace"
	make_repo repo
	run strace -f -qq -e trace=execve,mount,umount2,fork,vfork,clone,clone3,socket -o trace \
		"$WUC" build -q -o unit repo/sir.lua
	[ "$status" -eq 0 ] || skip "lacks the right to trace"
	# libisofs makes threads: they are no programs.
	assert_equal "$(grep -vc 'CLONE_THREAD\|+++ exited' trace)" 1
}

# Until the shell's child has become the program, and that has looked at the clock.
wait_for_program() {
	until [ ! -e "/proc/$1" ] || grep -qx wuc "/proc/$1/comm"; do sleep 0.01; done
	sleep 0.05
}

@test "a file that changes while a build runs is newer than the unit" {
	make_repo repo
	cd repo
	head -c 100M /dev/zero | tr '\0' x >large
	sed -i 's/"sir.awk"/"sir.awk", "large"/' sir.lua
	"$WUC" build -q sir.lua &
	wait_for_program $!
	touch changed
	wait $!
	[ changed -nt units/sir/unit.json ]
	# The same where nothing has to be made.
	"$WUC" build -q sir.lua &
	wait_for_program $!
	touch changed
	wait $!
	[ changed -nt units/sir/unit.json ]
}

@test "--always-make mends what has its size but not its bytes" {
	make_repo repo
	cd repo
	"$WUC" build -q sir.lua
	digests units/sir >../whole
	printf x | dd of=units/sir/app.img bs=1 seek=5000 conv=notrunc status=none
	run -0 "$WUC" build -q sir.lua
	run ! diff ../whole <(digests units/sir)
	run -0 "$WUC" build -B --why sir.lua
	assert_line "every file: --always-make asks for it"
	diff ../whole <(digests units/sir)
}

@test "a depfile leaves out the names that make has no words for" {
	make_repo repo
	cd repo
	mkdir odd
	echo x >"odd/two
lines"
	sed -i 's/"sir.awk"/"sir.awk", "odd"/' sir.lua
	"$WUC" build -q -MF units.d sir.lua
	printf 'include units.d\nunits/sir/unit.json:\n\techo made\n' >check.mk
	run -0 make -q -f check.mk units/sir/unit.json
}
