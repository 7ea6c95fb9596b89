#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What an image holds is what its sources held, to three readers that know nothing of its
# writer: debugfs, a guest's kernel, and wurun. What cannot be so is an error.

# shellcheck disable=SC2030,SC2031 # each test is a process of its own, and means to be

load helpers
load build_helpers

BUILT=${WUC%/*}/tests
PATH=$PATH:/usr/sbin:/sbin

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	local tool
	for tool in make walk debugfs; do
		[ -x "$BUILT/truth-$tool" ] || echo "lacks $BUILT/truth-$tool: make unit-tests" >lacks-tools
	done
	[ ! -e lacks-tools ] || return 0
	make_sources && start_guest
}

teardown_file() {
	local pid=$BATS_FILE_TMPDIR/guest/pid
	# Its runtime ends the guest that no test waited for.
	[ ! -e "$pid" ] || [ -e "$BATS_FILE_TMPDIR/guest/status" ] || pkill -INT -P "$(cat "$pid")" || true
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return
	[ ! -e lacks-tools ] || skip "$(cat lacks-tools)"
	SCRATCH=$BATS_TEST_TMPDIR
}

teardown() {
	[ -z "${SCRATCH:-}" ] || chmod -R u+rwx "$SCRATCH"
	[ ! -e "${SCRATCH:-.}/remove" ] || rm -rf "$(cat "$SCRATCH/remove")"
}

# Archives, so that no test needs a right, and what must come of them: FILE.list.
make_sources() {
	local kind
	for kind in everything many plain; do
		"$BUILT/truth-make" $kind $kind.tar.zst >$kind.list || return
	done
	"$BUILT/truth-make" deep deep.tar.zst 4095 >deep.list
	LC_ALL=C sort everything.list deep.list >all.list
	"$WUC" image -q everything.tar.zst deep.tar.zst -o all.img --label wu-output &&
		"$WUC" image -q many.tar.zst -o many.img --label wu-output
}

# A guest lists what it finds in its application's disk; it runs while other tests do.
start_guest() {
	command -v qemu-system-x86_64 >/dev/null || {
		echo "lacks qemu-system-x86_64" >lacks
		return 0
	}
	build_require_base
	[ ! -e lacks ] || return 0
	mkdir guest
	cp "$BUILT/truth-walk" guest
	ln everything.tar.zst many.tar.zst guest
	"$BUILT/truth-make" deep guest/deep.tar.zst 4000 >guest/deep.list
	cat >guest/unit.lua <<-'EOF'
		local function all(name)
			return archive { name, keep = { "modes", "owners", "times", "xattrs", "devices" } }
		end

		return unit {
			name = "truth",
			base = "mini",
			app = { tree = all "everything.tar.zst", deep = all "deep.tar.zst", many = all "many.tar.zst" },
			input = { "truth-walk" },
			command = [[
				cd /output
				for tree in tree deep many; do
					/input/truth-walk /app/$tree >$tree || exit
				done
				dmesg >messages
			]],
			output = { size = "128M" },
			machine = { cpus = 1, memory = "512M", time = "5m", user = "root" },
		}
	EOF
	cd guest || return
	"$WUC" build -q unit.lua -o unit || return
	{
		"$WURUN" run unit -o results >out 2>err
		echo $? >status
	} >/dev/null 2>&1 3>&- &
	echo $! >pid
}

sound() {
	run e2fsck -fn "$1"
	assert_success
	# One line a pass and the count: nothing to complain about.
	assert_equal "$(grep -cvE '^(e2fsck |Pass [1-5]: |.*: [0-9]+/[0-9]+ files )' <<<"$output")" 0
}

# same EXPECTED GOT
same() {
	[ -s "$1" ] || fail "nothing is expected"
	# What sorts first when bytes are shown may not do so as bytes.
	diff <(sort "$1") <(sort "$2") | cut -c 1-300 | head -n 40 >"$SCRATCH/difference"
	[ ! -s "$SCRATCH/difference" ] || fail "$(cat "$SCRATCH/difference")"
}

@test "debugfs finds everything that the archives held" {
	sound all.img
	"$BUILT/truth-debugfs" all.img 2>/dev/null >"$SCRATCH/list"
	same all.list "$SCRATCH/list"
	[ "$(wc -l <all.list)" -gt 2100 ]
}

@test "debugfs finds 200,000 files in one folder and 70,000 folders in another" {
	sound many.img
	"$BUILT/truth-debugfs" many.img 2>/dev/null >"$SCRATCH/list"
	same many.list "$SCRATCH/list"
	assert_equal "$(wc -l <many.list)" 273004
}

@test "debugfs copies the contents that the archives held" {
	mkdir "$SCRATCH/tree" "$SCRATCH/copy"
	(cd "$SCRATCH/tree" && zstd -dc "$BATS_FILE_TMPDIR/plain.tar.zst" | tar -xf - 2>/dev/null)
	debugfs -R "rdump sizes links names \"$SCRATCH/copy\"" all.img 2>/dev/null
	local folder
	for folder in sizes links names; do
		diff -r --no-dereference "$SCRATCH/tree/$folder" "$SCRATCH/copy/$folder"
	done
	[ "$(find "$SCRATCH/copy" -type f | wc -l)" -gt 30 ]
}

# What wurun promises: no devices, no links that lead out, no owners or attributes; modes
# are cut to what its user can handle, and links get the time that it is.
promised() {
	awk '
		/ type=[cbps] / || /^links\/out / { next }
		{
			# Where host filesystems of 256-byte inodes end, they have no fractions.
			if (/^times\/2446 /) sub(/\.999999999/, ".000000000")
			gsub(/ (uid|gid|xattrs)=[^ ]*/, "")
			if (/ type=l /) sub(/ mtime=[^ ]*/, "")
			if (/ type=d /) sub(/ nlink=[^ ]*/, "")
			match($0, / mode=[0-7]*/)
			mode = substr($0, RSTART + 7, 3)
			own = substr(mode, 1, 1)
			own = / type=d / ? 7 : / type=l / ? 7 : own % 2 ? 7 : 6
			print substr($0, 1, RSTART + 5) "0" own substr(mode, 2) substr($0, RSTART + RLENGTH)
		}' "$1"
}

@test "wurun unpacks what it promises" {
	umask 0
	run "$WURUN" unpack all.img "$SCRATCH/all"
	# 200 folders deep is its limit.
	assert_failure 1
	assert_output --partial "more than 200 folders deep"
	rm -rf "$SCRATCH/all/deep"
	"$BUILT/truth-walk" "$SCRATCH/all" >"$SCRATCH/list"
	promised "$SCRATCH/list" >"$SCRATCH/got"
	grep -v '^deep[/ ]' all.list >"$SCRATCH/all.list"
	promised "$SCRATCH/all.list" >"$SCRATCH/expected"
	same "$SCRATCH/expected" "$SCRATCH/got"
	[ "$(wc -l <"$SCRATCH/got")" -gt 100 ]
}

# Where so many files are made in seconds.
roomy() {
	local blocks inodes
	read -r blocks inodes < <(df --output=avail,iavail /dev/shm 2>/dev/null | tail -n 1)
	if [ -w /dev/shm ] && [ "${blocks:-0}" -gt 1000000 ] && [ "${inodes:-0}" -gt 400000 ]; then
		echo /dev/shm
	else
		echo "$SCRATCH"
	fi
}

@test "wurun unpacks 200,000 files of one folder and 70,000 folders of another" {
	umask 0
	local into
	into=$(mktemp -d "$(roomy)/wu-truth-XXXXXX")
	echo "$into" >"$SCRATCH/remove"
	"$WURUN" unpack -q many.img "$into"
	"$BUILT/truth-walk" "$into" >"$SCRATCH/list"
	promised "$SCRATCH/list" >"$SCRATCH/got"
	promised many.list >"$SCRATCH/expected"
	same "$SCRATCH/expected" "$SCRATCH/got"
}

# What the host's own filesystem says otherwise of holes and of folders.
host_form() {
	sed -E 's/ data=[^ ]*//; / type=d /s/ nlink=[^ ]*//' "$1"
}

@test "debugfs finds what a folder of the host holds" {
	local tree=$SCRATCH/tree options=() left=()
	mkdir "$tree"
	# Whoever is not root gets what a user can have.
	tar --xattrs --version >/dev/null 2>&1 && options=(--xattrs --xattrs-include='*' --acls)
	[ "$(id -u)" -eq 0 ] || left=(--exclude='*/0000' --exclude='*/d0000' --exclude=devices)
	zstd -dc everything.tar.zst >"$SCRATCH/tar"
	tar -C "$tree" "${options[@]}" "${left[@]}" --numeric-owner -xpf "$SCRATCH/tar" 2>/dev/null || true
	touch -d '1931-02-03 04:05:06.123456789 UTC' "$tree/sizes/1" "$tree/sizes"
	"$BUILT/truth-make" socket "$tree/socket"
	"$BUILT/truth-walk" "$tree" >"$SCRATCH/walked"
	[ "$(wc -l <"$SCRATCH/walked")" -gt 80 ]
	"$WUC" image -q "$tree" -o "$SCRATCH/tree.img"
	sound "$SCRATCH/tree.img"
	"$BUILT/truth-debugfs" "$SCRATCH/tree.img" 2>/dev/null >"$SCRATCH/read"
	host_form "$SCRATCH/walked" >"$SCRATCH/expected"
	host_form "$SCRATCH/read" >"$SCRATCH/got"
	same "$SCRATCH/expected" "$SCRATCH/got"
}

@test "mke2fs and wuc agree about a folder" {
	mkdir "$SCRATCH/tree"
	zstd -dc plain.tar.zst | tar -C "$SCRATCH/tree" -xf - 2>/dev/null
	mke2fs -q -t ext4 -b 4096 -O ^has_journal -d "$SCRATCH/tree" "$SCRATCH/mke2fs.img" 64M >/dev/null
	"$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/wuc.img"
	local writer
	for writer in mke2fs wuc; do
		# mke2fs knows of no fractions of a second.
		"$BUILT/truth-debugfs" "$SCRATCH/$writer.img" 2>/dev/null |
			sed -E 's/( mtime=-?[0-9]*)\.[0-9]*/\1/' >"$SCRATCH/$writer"
	done
	same "$SCRATCH/mke2fs" "$SCRATCH/wuc"
}

# holds IMAGE FOLDER LEVELS: debugfs finds an index of so many levels above its blocks of
# names, and nothing wrong with it.
indexed() {
	run debugfs -R "htree_dump $2" "$1"
	assert_success
	assert_output --partial "Root node dump:"
	assert_output --partial "Indirect levels: $3"
	refute_output --partial "Corrupt"
	refute_output --partial "rror"
}

@test "large folders have an index: of 2 blocks, of one level, of two" {
	local count
	for count in 100 300 20000; do
		"$BUILT/truth-make" flat "$SCRATCH/$count.tar" $count 1
		"$WUC" image -q "$SCRATCH/$count.tar" -o "$SCRATCH/$count.img"
		sound "$SCRATCH/$count.img"
	done
	run debugfs -R 'htree_dump 0' "$SCRATCH/100.img"
	assert_output --partial "Not a hash-indexed directory"
	indexed "$SCRATCH/300.img" 0 0
	indexed "$SCRATCH/20000.img" 0 0
	indexed many.img many/files 1
}

# counts FILES FOLDERS: a sound image of them, within the memory that there is for them.
counts() {
	local files=$1 memory
	"$BUILT/truth-make" flat "$SCRATCH/flat.tar.zst" "$1" "$2"
	run /usr/bin/time -f '%M' "$WUC" image -q "$SCRATCH/flat.tar.zst" -o "$SCRATCH/flat.img"
	assert_success
	memory=$output
	sound "$SCRATCH/flat.img"
	assert_equal "$(sed -nE 's/.*: ([0-9]+)\/.*/\1/p' <<<"$output")" "$((files + $2 + 10))"
	echo "# $files files in $2 folders: $memory KiB" >&3
	# 300 bytes a file, and 16 MiB for everything else.
	[ "$memory" -le $((16384 + files * 300 / 1024)) ]
	rm "$SCRATCH"/flat.*
}

@test "e2fsck is content with 0 to 1,000,000 files, in one folder and in many" {
	[ -x /usr/bin/time ] || skip "lacks /usr/bin/time (time)"
	local files
	for files in 0 1 10 1000 100000 1000000; do
		counts $files 0
	done
	counts 1000 10
	counts 100000 100
	counts 1000000 1000
}

# full BLOCKS: a file of so many blocks, no two of them alike, none of zeros.
full() {
	local have
	have=$(stat -c %s "$SCRATCH/tree/full" 2>/dev/null || echo 0)
	if [ "$have" -gt $(($1 * 4096)) ]; then
		truncate -s $(($1 * 4096)) "$SCRATCH/tree/full"
	else
		seq -f '%63.0f' $((have / 64)) $(($1 * 64 - 1)) >>"$SCRATCH/tree/full"
	fi
	[ "$(stat -c %s "$SCRATCH/tree/full")" -eq $(($1 * 4096)) ]
}

@test "contents may end anywhere around the end of a group of blocks" {
	mkdir "$SCRATCH/tree"
	full 100
	"$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/x.img"
	local first blocks
	first=$(debugfs -R 'blocks full' "$SCRATCH/x.img" 2>/dev/null | cut -d ' ' -f 1)
	# Groups 1 and 3 begin with copies of the superblock, group 2 does not.
	for blocks in 32766 32767 32768 32769 32770 65535 65536 65537 98303 98304 98305; do
		full $((blocks - first))
		"$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/x.img"
		sound "$SCRATCH/x.img"
		debugfs -R 'cat full' "$SCRATCH/x.img" 2>/dev/null | cmp - "$SCRATCH/tree/full"
	done
}

# fits_exactly TREE: as small as it can be, that size given, and one block less.
fits_exactly() {
	local size number unit
	"$WUC" image -q "$1" -o "$SCRATCH/fit.img"
	sound "$SCRATCH/fit.img"
	size=$(stat -c %s "$SCRATCH/fit.img")
	"$WUC" image -q "$1" -o "$SCRATCH/given.img" --size "$size"
	sound "$SCRATCH/given.img"
	assert_equal "$(stat -c %s "$SCRATCH/given.img")" "$size"
	rm "$SCRATCH/given.img"
	run "$WUC" image -q "$1" -o "$SCRATCH/given.img" --size $((size - 4096))
	assert_failure 1
	assert_output --regexp "^wuc: .*given\.img: needs ([0-9]+ bytes, given [0-9]+|[0-9.]+ [KMG]iB, given [0-9.]+ [KMG]iB)$"
	refute_output --regexp "needs (.*iB), given \1"
	assert_file_not_exist "$SCRATCH/given.img"
	# What it says that it needs is enough.
	read -r number unit _ <<<"${output##*needs }"
	unit=${unit%%iB*}
	"$WUC" image -q "$1" -o "$SCRATCH/given.img" --size "$number${unit#bytes,}"
	rm "$SCRATCH/given.img"
}

@test "exactly full, and one block over" {
	mkdir "$SCRATCH/tree"
	local blocks
	for blocks in 100 32700 32760 32768; do
		full $blocks
		fits_exactly "$SCRATCH/tree"
	done
}

@test "the smallest images are sound, and smaller ones are errors" {
	mkdir "$SCRATCH/tree"
	full 1
	local blocks smallest=0
	for blocks in 1 2 7 40 {48..66}; do
		run "$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/x.img" --size $((blocks * 4))K
		if [ "$status" -eq 0 ]; then
			[ "$smallest" -gt 0 ] || smallest=$blocks
			sound "$SCRATCH/x.img"
			rm "$SCRATCH/x.img"
		else
			assert_equal "$smallest" 0
			assert_output --partial "x.img: needs "
			assert_file_not_exist "$SCRATCH/x.img"
		fi
	done
	# Some 50 blocks more than the tables is what e2fsprogs ask of a group, too.
	[ "$smallest" -ge 50 ]
	[ "$smallest" -le 64 ]
}

@test "1 KiB and 64 GiB, of an image and in one" {
	mkdir "$SCRATCH/tree"
	run "$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/x.img" --size 1K
	assert_failure 2
	assert_output --partial '--size: expected a size such as 64M, found "1K"'
	assert_file_not_exist "$SCRATCH/x.img"
	head -c 1024 /dev/urandom >"$SCRATCH/tree/small"
	truncate -s 64G "$SCRATCH/tree/large" 2>/dev/null || skip "lacks files of 64 GiB in $SCRATCH"
	printf start | dd of="$SCRATCH/tree/large" conv=notrunc status=none
	printf end >>"$SCRATCH/tree/large"
	"$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/x.img" --size 64G
	assert_equal "$(stat -c %s "$SCRATCH/x.img")" $((64 << 30))
	# Holes: what is written is what such a disk's tables need at most.
	[ "$(stat -c %b "$SCRATCH/x.img")" -lt $((2 * 1024 * 1024)) ]
	sound "$SCRATCH/x.img"
	"$BUILT/truth-walk" "$SCRATCH/tree" >"$SCRATCH/expected"
	"$BUILT/truth-debugfs" "$SCRATCH/x.img" 2>/dev/null >"$SCRATCH/got"
	same "$SCRATCH/expected" "$SCRATCH/got"
	rm "$SCRATCH/tree/large"
	"$WUC" image -q "$SCRATCH/tree" -o "$SCRATCH/x.img"
	debugfs -R 'cat small' "$SCRATCH/x.img" 2>/dev/null | cmp - "$SCRATCH/tree/small"
}

# refuses WHAT MESSAGE
refuses() {
	"$BUILT/truth-make" bad "$SCRATCH/bad.tar" "$1" >/dev/null
	run "$WUC" image "$SCRATCH/bad.tar" -o "$SCRATCH/x.img"
	assert_failure 1
	assert_output "wuc: $2"
	# Nothing was begun.
	assert_equal "$(ls "$SCRATCH")" bad.tar
}

@test "what an image cannot hold is an error that names the file" {
	local name
	name=$(printf '%256s' '' | tr ' ' n)
	refuses large-xattr "bad: its extended attributes take more than 4 KiB"
	refuses many-xattrs "bad: its extended attributes take more than 4 KiB"
	refuses xattr-namespace 'bad: ext4 has no place for an extended attribute "strange.name"'
	refuses late "bad: its time is none that ext4 can hold (1901 to 2446)"
	refuses early "bad: its time is none that ext4 can hold (1901 to 2446)"
	refuses names "good: 65001 names, more than ext4's 65000"
	refuses name "expected a name of at most 255 bytes, found $name"
	refuses target "$SCRATCH/bad.tar: bad: a symbolic link without a usable target"
	refuses owner "$SCRATCH/bad.tar: bad: an owner whose number is out of range"
}

@test "a label of 17 bytes and no UUID are errors" {
	run "$WUC" image plain.tar.zst -o "$SCRATCH/x.img" --label "seventeen bytes!!"
	assert_failure 2
	assert_output --partial "--label: expected at most 16 bytes, found 17"
	run "$WUC" image plain.tar.zst -o "$SCRATCH/x.img" --uuid 1234
	assert_failure 2
	assert_output --partial '--uuid: expected a UUID'
	assert_equal "$(ls "$SCRATCH")" ""
}

# races MESSAGE COMMAND [READS]: what happens to victim/file right before it is read, or
# after so many reads, fails the build.
races() {
	local message=$1 command=$2 reads=${3:-}
	cd "$SCRATCH" || return
	rm -rf victim
	mkdir victim
	head -c 3000000 /dev/urandom >victim/file
	echo other >victim/other
	touch -d '2020-01-01 UTC' victim/file victim/other
	run env LD_PRELOAD="$BUILT/race.so" RACE_FILE=file RACE_DO="$command; : >happened" \
		${reads:+RACE_READS=$reads} "$WUC" image victim -o x.img
	assert_file_exist happened
	assert_failure 1
	assert_output "wuc: $message"
	rm happened
	assert_equal "$(ls)" victim
}

@test "a source file that changes while it is read fails the build" {
	[ -e "$BUILT/race.so" ] || skip "lacks $BUILT/race.so: make unit-tests"
	local changed="victim/file: changed while it was read"
	races "$changed" 'echo more >>victim/file'
	races "$changed" 'truncate -s 100 victim/file'
	races "$changed" 'printf x | dd of=victim/file conv=notrunc status=none; touch -d "2020-01-01 UTC" victim/file'
	races "$changed" 'cp -p victim/file new; mv new victim/file'
	races "$changed" 'rm victim/file; mkfifo victim/file'
	races "victim/file: No such file or directory" 'rm victim/file'
	races "victim/file: Too many levels of symbolic links" 'ln -sf other victim/file'
	# When a part of it has been read.
	races "$changed" 'truncate -s 100 victim/file' 1
	races "$changed" 'truncate -s 2999999 victim/file' 1
	races "$changed" 'echo more >>victim/file' 1
	races "$changed" 'printf x | dd of=victim/file conv=notrunc status=none; touch -d "2020-01-01 UTC" victim/file' 2
}

@test "another folder in the place of one that was looked at fails the build" {
	[ -e "$BUILT/race.so" ] || skip "lacks $BUILT/race.so: make unit-tests"
	cd "$SCRATCH"
	mkdir -p victim/a victim/b
	echo one >victim/a/first
	echo two >victim/b/second
	run env LD_PRELOAD="$BUILT/race.so" RACE_FILE=first \
		RACE_DO='cp -a victim/b copy; mv victim/b old; mv copy victim/b' "$WUC" image victim -o x.img
	assert_failure 1
	assert_output "wuc: victim/b/second: changed while it was read"
	assert_equal "$(printf "%s " *)" "old victim "
}

@test "a source that changes after it was read does no harm" {
	[ -e "$BUILT/race.so" ] || skip "lacks $BUILT/race.so: make unit-tests"
	cd "$SCRATCH"
	mkdir victim
	echo first >victim/first
	echo last >victim/last
	LD_PRELOAD=$BUILT/race.so RACE_FILE=last RACE_DO='echo more >>victim/first; : >happened' \
		"$WUC" image -q victim -o x.img
	assert_file_exist happened
	assert_equal "$(debugfs -R 'cat first' x.img 2>/dev/null)" first
}

@test "a guest's kernel finds everything, each by its name" {
	[ ! -e lacks ] || skip "$(cat lacks)"
	cd guest
	timeout 240 sh -c 'until [ -e status ]; do sleep 1; done'
	[ "$(cat status)" = 0 ] || fail "$(cat status out err)"
	local files
	files=$(echo results/*/files)
	assert_equal "$(grep -i 'ext4-fs error\|ext4-fs warning\|corrupt' "$files/messages")" ""
	grep -q 'EXT4-fs.*mounted' "$files/messages"
	same ../everything.list "$files/tree"
	same deep.list "$files/deep"
	same ../many.list "$files/many"
}
